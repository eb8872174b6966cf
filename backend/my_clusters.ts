import type { APIServiceExport } from "../crds/api_service_export.ts";
import type { ClusterBinding } from "../crds/cluster_binding.ts";
import { CLUSTER_BINDING_NAME } from "../crds/names.ts";
import { type Condition, findCondition } from "../kube/conditions.ts";
import type { Informer } from "../kube/informer.ts";
import type { Namespace } from "../kube/resources.ts";
import { shortened } from "../kube/shortened.ts";
import { isDeleting } from "../kube/types.ts";
import { identityOf, NAMESPACES_BY_SUBJECT } from "./identity.ts";
import { isRefused } from "./schema_rollout.ts";

/** One app cluster of a person, as the provider sees it. */
export interface MyCluster {
  /** As the command line names the app cluster. */
  clusterId: string;
  /** The cluster namespace. */
  namespace: string;
  lastHeartbeat?: string;
  konnectorVersion?: string;
  healthy?: Condition;
  /** What is bound, by plural. */
  apis: MyApi[];
}

/** An API in an app cluster. */
export interface MyApi {
  name: string;
  plural: string;
  /** Why the app cluster does not have it as the provider has it now, be it that it waits or that it is refused. */
  schema?: { isRefused: boolean; why: string };
}

export interface MyClustersCaches {
  namespaces: Informer<Namespace>;
  clusterBindings: Informer<ClusterBinding>;
  exports: Informer<APIServiceExport>;
}

/** Konnectors write what they like into a status; a page need not hold all of it. */
const LONGEST_TEXT = 500;

/** The app clusters of each person, and when something about them changes. */
export class MyClusters {
  readonly #caches: MyClustersCaches;
  /** Told the namespace that has changed. */
  readonly #listeners = new Set<(namespace: string) => void>();

  constructor(caches: MyClustersCaches, signal: AbortSignal) {
    this.#caches = caches;
    const tell = (namespace: string | undefined) => {
      for (const listener of this.#listeners) listener(namespace!);
    };
    caches.namespaces.subscribe(({ key }) => tell(key.name), signal);
    caches.clusterBindings.subscribe(({ key }) => tell(key.namespace), signal);
    caches.exports.subscribe(({ key }) => tell(key.namespace), signal);
  }

  /** By age. */
  of(subject: string): MyCluster[] {
    return this.#namespacesOf(subject).map((namespace) => this.#view(namespace));
  }

  /** Calls `onChange` whenever one of a person's app clusters may look different, until the signal fires. */
  watch(subject: string, onChange: () => void, signal: AbortSignal): void {
    let known = new Set<string>();
    const remember = () => {
      known = new Set(this.#namespacesOf(subject).map(({ metadata }) => metadata.name));
    };
    remember();
    const listener = (namespace: string) => {
      const wasMine = known.has(namespace);
      remember();
      if (wasMine || known.has(namespace)) onChange();
    };
    this.#listeners.add(listener);
    signal.addEventListener("abort", () => this.#listeners.delete(listener), { once: true });
  }

  #namespacesOf(subject: string): Namespace[] {
    return this.#caches.namespaces.store.by(NAMESPACES_BY_SUBJECT, subject)
      .filter((one) => !isDeleting(one))
      .sort(({ metadata: a }, { metadata: b }) => a.creationTimestamp! < b.creationTimestamp! ? -1 : 1);
  }

  #view(namespace: Namespace): MyCluster {
    const { name } = namespace.metadata;
    const status = this.#caches.clusterBindings.store.get({ namespace: name, name: CLUSTER_BINDING_NAME })?.status;
    const { konnectorVersion } = status ?? {};
    const healthy = findCondition(status?.conditions, "Healthy");
    const exports = [...this.#caches.exports.store.list(name)].filter((one) => !isDeleting(one));
    return {
      clusterId: identityOf(namespace)!.split("#").at(-1)!,
      namespace: name,
      lastHeartbeat: status?.lastHeartbeatTime,
      ...(konnectorVersion !== undefined && { konnectorVersion: shortened(konnectorVersion) }),
      ...(healthy && { healthy: { ...healthy, message: textOf(healthy) } }),
      apis: exports
        .map((one) => ({ name: one.metadata.name, plural: one.spec.names.plural, schema: schemaOf(one) }))
        .sort((a, b) => a.name < b.name ? -1 : 1),
    };
  }
}

function schemaOf(exported: APIServiceExport): MyApi["schema"] {
  const { conditions } = exported.status ?? {};
  if (isRefused(exported)) return { isRefused: true, why: textOf(findCondition(conditions, "ConsumerInSync")) };
  const provider = findCondition(conditions, "ProviderInSync");
  return provider?.status === "False" ? { isRefused: false, why: textOf(provider) } : undefined;
}

const textOf = (condition: Condition | undefined): string => shortened(condition?.message ?? "", LONGEST_TEXT);
