import { deepEqual, equal, match } from "node:assert/strict";
import { BOUND_ANNOTATION, KLUTCH_NAMESPACE, KONNECTOR_ROLE, SYNC_FINALIZER } from "../../crds/names.ts";
import { CLUSTER_ROLES, CUSTOM_RESOURCE_DEFINITIONS } from "../../kube/resources.ts";
import { eventually, within } from "../../tests/clusters.ts";
import { installCrd, mangoDb, mangoDbCrd, mangoDbResource } from "../../tests/mangodb.ts";
import { klutch, openStage } from "../bind_fixture.ts";
import { removeKonnector } from "../konnector/remove_fixture.ts";
import { boundRights } from "../konnector/rights.ts";
import { applyRights } from "../konnector/update_rights.ts";

Deno.test("unbind goes on with what an earlier run left behind after the binding was gone", async (t) => {
  await using stage = await openStage();
  const { appCluster, api: name } = stage;
  const { client } = appCluster;
  await appCluster.kubectl(["create", "namespace", KLUTCH_NAMESPACE]); // others may have made it
  const group = name.slice("mangodbs.".length);
  const install = async (isOurs: boolean) => {
    const crd = mangoDbCrd(group);
    if (isOurs) crd.metadata.annotations = { [BOUND_ANNOTATION]: "true" };
    return await installCrd(client, crd);
  };
  const crd = () => client.api(CUSTOM_RESOURCE_DEFINITIONS).find({ name }, within(5_000));
  const grant = () =>
    applyRights(client, boundRights([{ name, secretName: "kubeconfig-x", claims: [] }]), {}, within(20_000));
  const mayStillSync = async () =>
    JSON.stringify(await client.api(CLUSTER_ROLES).find({ name: KONNECTOR_ROLE }, within(5_000))).includes(group);
  const unbind = (...args: string[]) => klutch(stage, ["unbind", name, ...args]);

  const objects = client.api(mangoDbResource(group));
  const orders = mangoDb(group, { namespace: "default", name: "orders" });
  const made = await install(true);
  await using _roles = { [Symbol.asyncDispose]: () => removeKonnector(appCluster) };
  orders.metadata.finalizers = [SYNC_FINALIZER];
  await eventually("it can be made", () => objects.create(orders, within(5_000)));
  await grant();

  await t.step("objects cannot be drained any more", async () => {
    const { code, stderr } = await unbind("--yes");
    equal(code, 1);
    match(stderr, /Error: Cannot unbind .* is not bound any more: .* Bind it again first; or .* --mode orphan/);
    deepEqual((await objects.get(orders.metadata, within(5_000))).metadata.finalizers, [SYNC_FINALIZER]);
  });

  await t.step("but let go, with the rights", async () => {
    const plan = await unbind("--plan", "--mode=orphan");
    match(plan.stdout, /^Objects on the provider: not known \(KindNotBound\)$/m);
    match(plan.stdout, /^ {2}The binding is gone already; what else it has left here goes now\.$/m);
    const { code, stdout, stderr } = await unbind("--yes", "--mode=orphan", "-o=json");
    equal(code, 0, stderr);
    deepEqual(JSON.parse(stdout).left, { objects: 1, crd: true, held: 0, rights: 0 });
    deepEqual((await objects.get(orders.metadata, within(5_000))).metadata.finalizers ?? [], []);
    equal(await mayStillSync(), false);
  });

  await t.step("without objects the CRD goes, too", async () => {
    await objects.delete(orders.metadata, {}, within(5_000));
    const { code, stdout, stderr } = await unbind("--yes", "-o=json");
    equal(code, 0, stderr);
    deepEqual(JSON.parse(stdout).left, { objects: 0, crd: false, held: 0, rights: 0 });
    equal(await crd(), undefined);
    await made[Symbol.asyncDispose]();
  });

  await t.step("rights alone are left behind as well", async () => {
    await grant();
    const { code, stderr } = await unbind("--yes");
    equal(code, 0, stderr);
    equal(await mayStillSync(), false);
  });

  await t.step("others' CRDs are not", async () => {
    await using _theirs = await install(false);
    await eventually("it can be made", () => objects.create(orders, within(5_000)));
    const { code, stderr } = await unbind("--yes", "--mode=force");
    equal(code, 1);
    match(stderr, /there is no such APIServiceBinding/);
    deepEqual((await objects.get(orders.metadata, within(5_000))).metadata.finalizers, [SYNC_FINALIZER]);
    await objects.mergePatch(orders.metadata, { metadata: { finalizers: null } }, {}, within(5_000));
  });
});
