import type { APIServiceBinding } from "../../crds/api_service_binding.ts";
import type { APIServiceExport } from "../../crds/api_service_export.ts";
import type { APIServiceNamespace } from "../../crds/api_service_namespace.ts";
import type { ClusterBinding } from "../../crds/cluster_binding.ts";
import {
  API_SERVICE_EXPORTS,
  API_SERVICE_NAMESPACES,
  CLUSTER_BINDING_NAME,
  CLUSTER_BINDINGS,
  KUBECONFIG,
} from "../../crds/names.ts";
import { fails } from "../../crds/reasons.ts";
import { KubeClient } from "../../kube/client.ts";
import { isForbidden, isUnauthorized, messageOf } from "../../kube/errors.ts";
import type { ClusterConfig } from "../../kube/kubeconfig.ts";
import { parseReceivedKubeconfig } from "../../kube/received_kubeconfig.ts";
import { type Secret, SECRETS } from "../../kube/resources.ts";
import { Store } from "../../kube/store.ts";
import { formatKey, keyOf } from "../../kube/types.ts";
import { kubeconfigText } from "../../kube/kubeconfig_secret.ts";
import { mappedNamespaceIndex } from "../../sync/mapping.ts";
import { type Finding, ofCondition, passed, stopped } from "./finding.ts";

const KIND = "APIServiceBinding";
/** A person waits no longer for a provider; whoever is that slow is out of reach. */
const TIMEOUT_MS = 5_000;

/** The provider behind one kubeconfig Secret, seen with the rights of the konnector. */
export interface ProviderView {
  /** Absent when the Secret leads nowhere. */
  client?: KubeClient;
  /** The provider's namespace that belongs to this app cluster. */
  namespace?: string;
  /** Absent when the provider did not tell. */
  contract?: Contract;
  /** About the Secret, then about the provider. */
  findings: Finding[];
}

/** What the provider holds for this app cluster. */
export interface Contract {
  version: string;
  /** By the provider's clock. */
  now?: Date;
  clusterBinding?: ClusterBinding;
  exports: Map<string, APIServiceExport>;
  namespaces: Store<APIServiceNamespace>;
}

/** Providers by the Secret that leads to them; each is asked once. */
export class Providers implements Disposable {
  readonly #appCluster: KubeClient;
  readonly #userAgent: string;
  readonly #views = new Map<string, Promise<ProviderView>>();
  readonly #clients: KubeClient[] = [];

  constructor(appCluster: KubeClient, userAgent: string) {
    this.#appCluster = appCluster;
    this.#userAgent = userAgent;
  }

  of(binding: APIServiceBinding, signal: AbortSignal): Promise<ProviderView> {
    const { namespace, name } = binding.spec.kubeconfigSecretRef;
    const id = formatKey({ namespace, name });
    const known = this.#views.get(id) ?? this.#look({ namespace, name }, signal);
    this.#views.set(id, known);
    return known;
  }

  async #look(key: { namespace: string; name: string }, signal: AbortSignal): Promise<ProviderView> {
    const described = `Secret "${formatKey(key)}"`;
    const invalid = (what: string): ProviderView => ({
      findings: [ofCondition(KIND, fails(KIND, "SecretValid", "KubeconfigSecretInvalid", what), "Secret")],
    });
    let secret: Secret | undefined;
    try {
      secret = await this.#appCluster.api<Secret>(SECRETS).find(key, signal);
    } catch (error) {
      if (!isForbidden(error)) throw error;
      return { findings: [stopped("Provider", "SecretNotReadable", messageOf(error))] };
    }
    if (!secret) {
      const what = `${described} does not exist`;
      return { findings: [ofCondition(KIND, fails(KIND, "SecretValid", "KubeconfigSecretNotFound", what), "Secret")] };
    }
    const text = kubeconfigText(secret, KUBECONFIG);
    if (text === undefined) return invalid(`${described} has no text under "${KUBECONFIG}"`);
    let config: ClusterConfig;
    try {
      config = parseReceivedKubeconfig(text);
    } catch (error) {
      return invalid(`${described}: ${messageOf(error)}`);
    }
    const { namespace, server } = config;
    if (!namespace) return invalid(`${described}: its context has no namespace`);
    const client = new KubeClient(config, { side: "provider", userAgent: this.#userAgent, timeoutMs: TIMEOUT_MS });
    this.#clients.push(client);
    const view = { client, namespace, findings: [passed("Secret", `${described} leads to ${server}`)] };
    try {
      const contract = await readContract(client, namespace, signal);
      view.findings.push(passed("Provider", `${server}, version ${contract.version}, contract ${namespace}`));
      return { ...view, contract };
    } catch (error) {
      signal.throwIfAborted();
      view.findings.push(unreadable(error));
      return view;
    }
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients) client.close();
  }
}

async function readContract(client: KubeClient, namespace: string, signal: AbortSignal): Promise<Contract> {
  const [{ version, time }, clusterBinding, exports, namespaces] = await Promise.all([
    client.serverInfo(signal),
    client.api<ClusterBinding>(CLUSTER_BINDINGS).find({ namespace, name: CLUSTER_BINDING_NAME }, signal),
    client.api<APIServiceExport>(API_SERVICE_EXPORTS).list({ namespace }, signal),
    client.api<APIServiceNamespace>(API_SERVICE_NAMESPACES).list({ namespace }, signal),
  ]);
  const mapped = new Store<APIServiceNamespace>(mappedNamespaceIndex);
  for (const one of namespaces.items) mapped.set(keyOf(one), one);
  return {
    version,
    now: time,
    clusterBinding,
    exports: new Map(exports.items.map((one) => [one.metadata.name, one])),
    namespaces: mapped,
  };
}

function unreadable(error: unknown): Finding {
  const what = messageOf(error);
  if (isUnauthorized(error)) return stopped("Provider", "CredentialsRejected", what);
  if (isForbidden(error)) return stopped("Provider", "AccessRefused", what);
  return ofCondition(KIND, fails(KIND, "Connected", "ProviderUnreachable", what), "Provider");
}
