import assert from "node:assert/strict";
import { KLUTCH_NAMESPACE, KONNECTOR_ROLE } from "../../crds/names.ts";
import { KubeClient } from "../../kube/client.ts";
import { CLUSTER_ROLES, type Role, ROLES } from "../../kube/resources.ts";
import { openAccount } from "../../tests/account.ts";
import { consumer, eventually, type TestCluster, uniqueName, within } from "../../tests/clusters.ts";
import { TakeBack } from "../take_back.ts";
import { recordedTerminal } from "../terminal_fixture.ts";
import { removeKonnector } from "./remove_fixture.ts";
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
  return {
    cluster,
    mayQueue: async () =>
      JSON.stringify(await cluster.client.api(CLUSTER_ROLES).get({ name: KONNECTOR_ROLE }, within(5_000)))
        .includes(QUEUES),
    async [Symbol.asyncDispose]() {
      await removeKonnector(cluster);
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
  const wanted = queues(there.name, later, "No/Such", "..");
  const update = async (...apis: BoundApi[]) => {
    const rights = await updateRights(cluster.client, apis, {}, within(20_000));
    assert.ok(rights && rights !== "forbidden");
    return rights;
  };

  assert.deepEqual((await update(wanted)).absent, [later, "No/Such", ".."]);
  assert.deepEqual((await roleIn(cluster, there.name))?.rules?.map(({ resources }) => resources), [["configmaps"]]);
  assert.equal(await mayQueue(), true);
  const excess = await excessRights(cluster.client, [wanted], within(20_000));
  assert.deepEqual(excess, []);

  await cluster.kubectl(["create", "namespace", later]);
  assert.deepEqual((await update(wanted)).absent, ["No/Such", ".."]);
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
  const account = await openAccount(cluster, closed.name);
  await using _inTheCluster = await account.allow([
    { apiGroups: ["*"], resources: ["*"], verbs: ["get", "list"] },
    { apiGroups: ["rbac.authorization.k8s.io"], resources: ["clusterroles", "clusterrolebindings"], verbs: ["*"] },
  ]);
  await using _inOurNamespace = await account.grant("cluster-admin", KLUTCH_NAMESPACE);
  const who = `--as=system:serviceaccount:${closed.name}:${account.subject.name}`;
  for (const what of [["update", "clusterroles"], ["create", "roles", "-n", KLUTCH_NAMESPACE]]) {
    await eventually("the rights are in force", async () => {
      const { stdout } = await cluster.kubectl(["auth", "can-i", ...what, who]);
      return stdout.startsWith("yes");
    });
  }
  using person = new KubeClient(account.config, { side: "app cluster" });
  const { terminal, said } = recordedTerminal();
  {
    await using takeBack = new TakeBack(terminal);
    await assert.rejects(updateRights(person, [queues(closed.name)], { takeBack }, within(20_000)), /403/);
    assert.equal(await mayQueue(), true);
  }
  assert.deepEqual(said, ["↩️ Took back rights of the konnector"]);
  assert.equal(await mayQueue(), false);
});
