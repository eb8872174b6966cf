import assert from "node:assert/strict";
import { join } from "node:path";
import { env } from "node:process";
import { stringify } from "yaml";
import type { APIServiceBinding } from "../../crds/api_service_binding.ts";
import type { APIServiceNamespace } from "../../crds/api_service_namespace.ts";
import { API_SERVICE_BINDINGS, API_SERVICE_NAMESPACES, KLUTCH_NAMESPACE } from "../../crds/names.ts";
import { reviewAccess } from "../../kube/access.ts";
import { KubeClient } from "../../kube/client.ts";
import {
  NAMESPACES,
  type PolicyRule,
  type Role,
  ROLE_BINDINGS,
  type RoleBinding,
  ROLES,
} from "../../kube/resources.ts";
import { Store } from "../../kube/store.ts";
import { apiVersionOf, keyOf } from "../../kube/types.ts";
import { findBinaries } from "../../playground/binaries.ts";
import { ControlPlane } from "../../playground/control_plane.ts";
import { makeOwnedDirectory } from "../../playground/owned_directory.ts";
import { mappedNamespaceIndex } from "../../sync/mapping.ts";
import { CONTRACT_RIGHTS, ruleOf } from "../../sync/rights.ts";
import { openAccount } from "../../tests/account.ts";
import { eventually, provider, type TestCluster, uniqueName, within } from "../../tests/clusters.ts";
import { serveLocally } from "../../tests/local_server.ts";
import { auditProvider } from "./provider.ts";

const SECRET_VERBS = ["get", "list", "watch", "patch"];
const PODS_RULE: PolicyRule = { apiGroups: [""], resources: ["pods"], verbs: ["get"] };

/** A contract with two mapped namespaces, in each of which its ServiceAccount may do what the rules say. */
async function openContract({ client: admin, config }: Pick<TestCluster, "client" | "config">, rules: PolicyRule[]) {
  const clusterNamespace = uniqueName("audit");
  const mapped = ["shop", "store"].map((name) => `${clusterNamespace}-${name}`);
  for (const name of [clusterNamespace, ...mapped]) {
    await admin.api(NAMESPACES).create({ apiVersion: "v1", kind: "Namespace", metadata: { name } }, within(5_000));
  }
  const account = await openAccount({ client: admin, config }, clusterNamespace);
  const apiVersion = "rbac.authorization.k8s.io/v1";
  for (const namespace of [clusterNamespace, ...mapped]) {
    const metadata = { namespace, name: "konnector" };
    const own = namespace === clusterNamespace ? CONTRACT_RIGHTS.map(ruleOf) : rules;
    await admin.api<Role>(ROLES).create({ apiVersion, kind: "Role", metadata, rules: own }, within(5_000));
    await admin.api<RoleBinding>(ROLE_BINDINGS).create({
      apiVersion,
      kind: "RoleBinding",
      metadata,
      subjects: [account.subject],
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: metadata.name },
    }, within(5_000));
  }
  const namespaces = new Store<APIServiceNamespace>(mappedNamespaceIndex);
  for (const name of mapped) {
    const one: APIServiceNamespace = {
      apiVersion: apiVersionOf(API_SERVICE_NAMESPACES),
      kind: API_SERVICE_NAMESPACES.kind,
      metadata: { namespace: clusterNamespace, name: name.slice(clusterNamespace.length + 1) },
      spec: {},
      status: { namespace: name },
    };
    namespaces.set(keyOf(one), one);
  }
  const client = new KubeClient(account.config, { side: "provider" });
  for (const namespace of mapped) {
    const access = { verb: "get", group: "", resource: "pods", namespace };
    await eventually(
      "the rights are in force",
      async () => (await reviewAccess(client, access, {}, within(5_000))).isAllowed,
    );
  }
  return {
    side: { client, clusterNamespace, contract: { version: "v1.34", exports: new Map(), namespaces } },
    mapped,
    async [Symbol.asyncDispose]() {
      client.close();
      for (const name of [clusterNamespace, ...mapped]) await admin.api(NAMESPACES).delete({ name }, {}, within(5_000));
    },
  };
}

const binding: APIServiceBinding = {
  apiVersion: apiVersionOf(API_SERVICE_BINDINGS),
  kind: API_SERVICE_BINDINGS.kind,
  metadata: { name: "mangodbs.mangodb.com" },
  spec: {
    kubeconfigSecretRef: { namespace: KLUTCH_NAMESPACE, name: "kubeconfig-a", key: "kubeconfig" },
    permissionClaims: [{
      group: "",
      resource: "secrets",
      version: "v1",
      selector: { owner: "Provider" },
      state: "Accepted",
    }],
  },
};
const bound = new Set([binding.metadata.name]);

Deno.test("auditProvider() tells what is missing in every namespace where it is", async () => {
  using cluster = await provider();
  await using contract = await openContract(cluster, [PODS_RULE]);
  const views = [{ binding, provider: { findings: [] }, findings: [] }];
  const { findings, problem } = await auditProvider(contract.side, views, bound, within(20_000));
  assert.equal(problem, undefined);
  assert.deepEqual(
    findings.map(({ finding, namespace, resource, verbs }) => [namespace, finding, resource, verbs.join()]).toSorted(),
    contract.mapped.flatMap((namespace) => [
      [namespace, "excess", "pods", "get"],
      [namespace, "missing", "secrets", SECRET_VERBS.join()],
    ]),
  );
});

Deno.test("auditProvider() calls nothing missing where an authorizer cannot list what it allows", async () => {
  await using directory = await makeOwnedDirectory();
  const review = { apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", status: { allowed: false } };
  await using webhook = serveLocally(() => Response.json(review));
  const file = join(directory.path, "webhook.yaml");
  await Deno.writeTextFile(
    file,
    stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "a", cluster: { server: webhook.url } }],
      contexts: [{ name: "a", context: { cluster: "a" } }],
      "current-context": "a",
    }),
  );
  const binaries = await findBinaries({ env }, within(30_000));
  const flags = [
    "--authorization-mode=Webhook",
    `--authorization-webhook-config-file=${file}`,
    "--authorization-webhook-version=v1",
  ];
  const kubeApiServer = [...binaries.kubeApiServer, ...flags];
  await using plane = await ControlPlane.start(
    { name: "provider", binaries: { ...binaries, kubeApiServer } },
    within(60_000),
  );
  using admin = new KubeClient(plane.config, {});
  await using contract = await openContract({ client: admin, config: plane.config }, [PODS_RULE]);
  const views = [{ binding, provider: { findings: [] }, findings: [] }];
  const { findings, problem } = await auditProvider(contract.side, views, bound, within(20_000));
  assert.match(problem!, /^not all rights there are listed: .*webhook/);
  assert.deepEqual(
    new Set(findings.map(({ finding, resource }) => `${finding} ${resource}`)),
    new Set(["excess pods"]),
  );
});
