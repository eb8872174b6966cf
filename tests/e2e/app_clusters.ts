import { join } from "node:path";
import type { AppClusterBinding } from "../../crds/app_cluster_binding.ts";
import {
  API_VERSION,
  APP_CLUSTER_BINDING_ANNOTATION,
  APP_CLUSTER_BINDING_NAME_LABEL,
  APP_CLUSTER_BINDINGS,
} from "../../crds/names.ts";
import { KubeClient } from "../../kube/client.ts";
import type { Condition } from "../../kube/conditions.ts";
import { isUnauthorized } from "../../kube/errors.ts";
import { parseReceivedKubeconfig } from "../../kube/received_kubeconfig.ts";
import {
  CLUSTER_ROLE_BINDINGS,
  DEPLOYMENTS,
  NAMESPACES,
  type RoleBinding,
  type Secret,
  SECRETS,
  SERVICE_ACCOUNTS,
} from "../../kube/resources.ts";
import { requestToken } from "../../kube/service_account_token.ts";
import { annotationOf, type DynamicObject, type ObjectKey } from "../../kube/types.ts";
import { makeOwnedDirectory } from "../../playground/owned_directory.ts";
import { eventually, within } from "../clusters.ts";
import type { Cluster, Story } from "./harness.ts";
import type { Program } from "./program.ts";

/** A credential of a ServiceAccount. */
export interface Credential {
  kubeconfig: string;
  /** Settles when it is refused. */
  revoke(): Promise<void>;
}

/** A Deployment, as far as a kubelet reads it. */
export interface KonnectorDeployment extends DynamicObject {
  spec: { template: { spec: { serviceAccountName: string; containers: { image: string; args: string[] }[] } } };
}

/** The control plane's side of control-plane mode, as the people there see and change it. */
export class AppClusters implements AsyncDisposable {
  readonly #story: Story;
  readonly #directory: Awaited<ReturnType<typeof makeOwnedDirectory>>;
  #files = 0;

  private constructor(story: Story, directory: Awaited<ReturnType<typeof makeOwnedDirectory>>) {
    this.#story = story;
    this.#directory = directory;
  }

  static async open(story: Story): Promise<AppClusters> {
    return new AppClusters(story, await makeOwnedDirectory());
  }

  /** A backend that nobody can log in at. */
  async startBackend(...args: string[]): Promise<Program> {
    const backend = await this.#story.run([
      "backend",
      "--control-plane-mode",
      `--kubeconfig=${this.#story.provider.plane.kubeconfigPath}`,
      "--listen-address=127.0.0.1:0",
      "--health-address=127.0.0.1:0",
      ...args,
    ]);
    await backend.logged("backend ready");
    return backend;
  }

  /** A kubeconfig for the app cluster, as its administrator. */
  async credential(): Promise<Credential> {
    const { client } = this.#story.consumer;
    const account = { namespace: "kube-system", name: "control-plane" };
    const accounts = client.api(SERVICE_ACCOUNTS);
    if (!await accounts.find(account, within(5_000))) {
      await accounts.create({ apiVersion: "v1", kind: "ServiceAccount", metadata: account }, within(5_000));
      await client.api<RoleBinding>(CLUSTER_ROLE_BINDINGS).create({
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRoleBinding",
        metadata: { name: account.name },
        subjects: [{ kind: "ServiceAccount", ...account }],
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
      }, within(5_000));
    }
    return await credentialOf(this.#story.consumer, account);
  }

  /** Writes an app cluster's kubeconfig, or what somebody takes for one, into a Secret. */
  async writeSecret(key: ObjectKey, kubeconfig: string, annotations: Record<string, string> = {}): Promise<void> {
    await this.#story.provider.client.api<Secret>(SECRETS).apply(
      {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { ...key, name: key.name, annotations },
        data: { kubeconfig: btoa(kubeconfig) },
      },
      { fieldManager: "platform-team", force: true },
      within(5_000),
    );
  }

  async createNamespace(name: string): Promise<void> {
    await this.#story.provider.client.api(NAMESPACES)
      .create({ apiVersion: "v1", kind: "Namespace", metadata: { name } }, within(5_000));
  }

  /** Connects an app cluster, or says something new about one. */
  async apply(key: ObjectKey, spec: AppClusterBinding["spec"]): Promise<void> {
    await this.#api.apply(
      { apiVersion: API_VERSION, kind: APP_CLUSTER_BINDINGS.kind, metadata: { ...key }, spec },
      { fieldManager: "platform-team", force: true },
      within(5_000),
    );
  }

  async annotate(key: ObjectKey, annotations: Record<string, string>): Promise<void> {
    await this.#api.mergePatch(key, { metadata: { annotations } }, {}, within(5_000));
  }

  async delete(key: ObjectKey): Promise<void> {
    await this.#api.delete(key, {}, within(5_000));
  }

  async untilGone(key: ObjectKey): Promise<void> {
    await eventually(`AppClusterBinding ${key.name} is gone`, async () => !await this.#api.find(key, within(5_000)), {
      timeoutMs: 60_000,
    });
  }

  /** Waits for a condition of an AppClusterBinding. */
  async condition(key: ObjectKey, type: string, wanted: Partial<Condition>): Promise<Condition> {
    let seen: Condition[] | undefined;
    const isWanted = (one: Condition) =>
      one.type === type && Object.entries(wanted).every(([field, value]) => one[field as keyof Condition] === value);
    try {
      return await eventually(`${type} of ${key.name} is ${JSON.stringify(wanted)}`, async () => {
        seen = (await this.#api.get(key, within(5_000))).status?.conditions;
        return seen?.find(isWanted);
      });
    } catch (error) {
      throw new Error(`${(error as Error).message}; last seen: ${JSON.stringify(seen, null, 2)}`, { cause: error });
    }
  }

  /** The namespace that was made for an AppClusterBinding, by what it says. */
  async root({ namespace, name }: ObjectKey): Promise<string> {
    return await eventually(`${namespace}/${name} has a root namespace`, async () => {
      const { items } = await this.#story.provider.client.api(NAMESPACES).list({}, within(5_000));
      return items.find((one) => annotationOf(one, APP_CLUSTER_BINDING_ANNOTATION) === `${namespace}/${name}`)?.metadata
        .name;
    });
  }

  /** The konnector's Deployment. */
  async deployment(root: string): Promise<KonnectorDeployment> {
    const deployments = this.#story.provider.client.api<KonnectorDeployment>(DEPLOYMENTS);
    const own = { namespace: root, labelSelector: APP_CLUSTER_BINDING_NAME_LABEL };
    return await eventually(
      `${root} has a Deployment`,
      async () => (await deployments.list(own, within(5_000))).items[0],
    );
  }

  /** Does as a kubelet: starts what the Deployment says, as whom it says, and reports that it runs. */
  async startKonnector(root: string): Promise<Program> {
    const deployment = await this.deployment(root);
    const { serviceAccountName, containers: [container] } = deployment.spec.template.spec;
    const { kubeconfig } = await credentialOf(this.#story.provider, { namespace: root, name: serviceAccountName });
    const path = join(this.#directory.path, `${++this.#files}.yaml`);
    await Deno.writeTextFile(path, kubeconfig, { mode: 0o600 });
    const env = { POD_NAME: "konnector-0", POD_NAMESPACE: root };
    const konnector = await this.#story.run([
      "konnector",
      ...container!.args.map((arg) => arg.replace("$(POD_NAMESPACE)", env.POD_NAMESPACE)),
      `--kubeconfig=${path}`,
      "--health-address=127.0.0.1:0",
    ], { env });
    await konnector.logged("konnector started");
    await this.reportPods(root, 1);
    return konnector;
  }

  /** As the Deployment controller does, which is not there. */
  async reportPods(root: string, availableReplicas: number): Promise<void> {
    const { metadata: { name, generation } } = await this.deployment(root);
    const status = { observedGeneration: generation, replicas: 2, updatedReplicas: 2, availableReplicas };
    await this.#story.provider.client.api(DEPLOYMENTS).mergePatch(
      { namespace: root, name },
      { status: { ...status, readyReplicas: availableReplicas } },
      { subresource: "status" },
      within(5_000),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#directory[Symbol.asyncDispose]();
  }

  get #api() {
    return this.#story.provider.client.api<AppClusterBinding>(APP_CLUSTER_BINDINGS);
  }
}

/** A token that ends with a Secret of its own. */
async function credentialOf({ client, plane }: Cluster, account: ObjectKey): Promise<Credential> {
  const secrets = client.api<Secret>(SECRETS);
  const name = `token-${crypto.randomUUID().slice(0, 8)}`;
  const key = { namespace: account.namespace, name };
  const { metadata } = await secrets.create({ apiVersion: "v1", kind: "Secret", metadata: key }, within(5_000));
  const request = { lifetimeSeconds: 3600, secret: { name, uid: metadata.uid! } };
  const token = await requestToken(client, account, request, within(5_000));
  const kubeconfig = plane.kubeconfigFor({ token });
  return {
    kubeconfig,
    async revoke() {
      await secrets.delete(key, {}, within(5_000));
      using holder = new KubeClient(parseReceivedKubeconfig(kubeconfig));
      await eventually("the token is refused", () =>
        // API servers remember for 10 s whom they have let in
        holder.request("GET", "/apis", {}, within(5_000)).then(() => false, isUnauthorized));
    },
  };
}
