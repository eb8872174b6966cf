import assert from "node:assert/strict";
import { KLUTCH_NAMESPACE, KONNECTOR_ROLE } from "../../crds/names.ts";
import { KubeClient } from "../../kube/client.ts";
import { staticConfig } from "../../kube/kubeconfig.ts";
import { CLUSTER_ROLES, type Role, ROLES } from "../../kube/resources.ts";
import { consumer, eventually, type TestCluster, uniqueName, within } from "../../tests/clusters.ts";
import { TakeBack } from "../take_back.ts";
import { recordedTerminal } from "../terminal_fixture.ts";
import { konnectorManifests } from "./manifests.ts";
import { type BoundApi, boundRights } from "./rights.ts";
import { applyRights, excessRights, updateRights } from "./update_rights.ts";

const QUEUES = `queues.${uniqueName("team")}.example.com`;
const queues = (...namespaces: string[]): BoundApi => ({
  name: QUEUES,
  secretName: "kubeconfig-x",
  claims: [{
    group: "",
    resource: "configmaps",
    version: "v1",
    selector: { owner: "Consumer", namespaces },
    state: "Accepted",
  }],
});

/** A cluster with the roles of a konnector, as they are while nothing is bound. */
async function openInstalled() {
  const cluster = await consumer();
  await cluster.kubectl(["create", "namespace", KLUTCH_NAMESPACE]); // others may have made it
  await applyRights(cluster.client, boundRights([]), {}, within(20_000));
  const remove = async () => {
    for (const { resource, object } of konnectorManifests("", boundRights([])).slice(1)) {
      await cluster.client.api(resource).delete(object.metadata, {}, within(5_000));
    }
  };
  return {
    cluster,
    mayQueue: async () =>
      JSON.stringify(await cluster.client.api(CLUSTER_ROLES).get({ name: KONNECTOR_ROLE }, within(5_000)))
        .includes(QUEUES),
    async [Symbol.asyncDispose]() {
      await remove();
      cluster[Symbol.dispose]();
    },
  };
}

const roleIn = ({ client }: TestCluster, namespace: string): Promise<Role | undefined> =>
  client.api<Role>(ROLES).find({ namespace, name: KONNECTOR_ROLE }, within(5_000));

Deno.test("updateRights() leaves out namespaces that are not there, until they are, and takes back what nobody needs", async () => {
  await using installed = await openInstalled();
  const { cluster, mayQueue } = installed;
  await using there = await cluster.namespace("there");
  const later = uniqueName("later");
  const wanted = queues(there.name, later);
  const update = (...apis: BoundApi[]) => updateRights(cluster.client, apis, {}, within(20_000));

  assert.deepEqual((await update(wanted))?.absent, [later]);
  assert.deepEqual((await roleIn(cluster, there.name))?.rules?.map(({ resources }) => resources), [["configmaps"]]);
  assert.equal(await mayQueue(), true);
  const excess = await excessRights(cluster.client, [wanted], within(20_000));
  assert.deepEqual(excess, []);

  await cluster.kubectl(["create", "namespace", later]);
  assert.deepEqual((await update(wanted))?.absent, []);
  assert.ok(await roleIn(cluster, later));

  const told = (await excessRights(cluster.client, [], within(20_000)))!.map(({ resource, namespace, verbs }) =>
    `${verbs} ${resource} ${namespace ?? ""}`.trimEnd()
  );
  assert.ok(told.includes(`get,list,watch,patch configmaps ${later}`), told.join("\n"));
  assert.ok(told.includes(`get,list,watch,create,patch,delete ${QUEUES}`));
  await update();
  assert.deepEqual(await excessRights(cluster.client, [], within(20_000)), []);
  assert.equal(await roleIn(cluster, later), undefined);
  assert.equal(await mayQueue(), false);
  await cluster.kubectl(["delete", "namespace", later, "--wait=false"]);
});

Deno.test("updateRights() takes back what it has granted when it is refused half-way", async () => {
  await using installed = await openInstalled();
  const { cluster, mayQueue } = installed;
  await using closed = await cluster.namespace("closed");
  using person = await whoMayGrantEverywhereBut(cluster, closed.name);
  const { terminal, said } = recordedTerminal();
  {
    await using takeBack = new TakeBack(terminal);
    await assert.rejects(updateRights(person, [queues(closed.name)], { takeBack }, within(20_000)), /403/);
    assert.equal(await mayQueue(), true);
  }
  assert.deepEqual(said, ["↩️ Took back rights of the konnector"]);
  assert.equal(await mayQueue(), false);
  await cluster.kubectl(["delete", "clusterrole,clusterrolebinding", closed.name]);
});

/** Somebody who may hand out rights in the whole cluster and in our namespace, but not in this one. */
async function whoMayGrantEverywhereBut(cluster: TestCluster, namespace: string): Promise<KubeClient> {
  const rules = [
    { apiGroups: ["*"], resources: ["*"], verbs: ["get", "list"] },
    { apiGroups: ["rbac.authorization.k8s.io"], resources: ["clusterroles", "clusterrolebindings"], verbs: ["*"] },
  ];
  const { client } = cluster;
  const subjects = [{ kind: "ServiceAccount", name: "person", namespace }];
  const rbac = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRoleBinding", subjects };
  const roleRef = (name: string) => ({ apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name });
  const objects = [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "person", namespace } },
    { apiVersion: rbac.apiVersion, kind: "ClusterRole", metadata: { name: namespace }, rules },
    { ...rbac, metadata: { name: namespace }, roleRef: roleRef(namespace) },
    {
      ...rbac,
      kind: "RoleBinding",
      metadata: { name: namespace, namespace: KLUTCH_NAMESPACE },
      roleRef: roleRef("cluster-admin"),
    },
  ];
  const { code, stderr } = await cluster.kubectl(["apply", "-f", "-"], {
    stdin: objects.map((object) => JSON.stringify(object)).join("\n---\n"),
  });
  assert.equal(code, 0, stderr);
  const { status: { token } } = await client.request<{ status: { token: string } }>(
    "POST",
    `/api/v1/namespaces/${namespace}/serviceaccounts/person/token`,
    { body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} } },
    within(5_000),
  );
  const { server, caData } = cluster.config;
  const person = new KubeClient(staticConfig({ server, caData, token }), { side: "app cluster" });
  await eventually("the person may grant", async () => {
    const { stdout } = await cluster.kubectl([
      ...["auth", "can-i", "create", "roles", "-n", KLUTCH_NAMESPACE],
      `--as=system:serviceaccount:${namespace}:person`,
    ]);
    return stdout.startsWith("yes");
  });
  return person;
}
