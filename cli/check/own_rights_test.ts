import { doesNotMatch, equal, match, ok } from "node:assert/strict";
import { API_SERVICE_BINDINGS, KLUTCH_NAMESPACE, KONNECTOR, KONNECTOR_ROLE } from "../../crds/names.ts";
import { type PolicyRule, ROLES } from "../../kube/resources.ts";
import { type Right, ruleOf } from "../../sync/rights.ts";
import { openAccount } from "../../tests/account.ts";
import { eventually, within } from "../../tests/clusters.ts";
import { klutch, openStage, type RunOptions } from "../bind_fixture.ts";
import { removeKonnector } from "../konnector/remove_fixture.ts";
import { BIND_RIGHTS } from "./own_rights.ts";

const { everywhere: EVERYWHERE = [], here: HERE = [] } = Object.groupBy(
  BIND_RIGHTS,
  ({ namespaces }) => namespaces ? "here" : "everywhere",
);

const without = (resource: string, verb: string, rights: readonly Right[]): PolicyRule[] =>
  rights.map((right) =>
    ruleOf(right.resource === resource ? { ...right, verbs: right.verbs.filter((one) => one !== verb) } : right)
  );

Deno.test("whoever may do what `check` asks for can bind, and nobody else is told so", async (t) => {
  await using stage = await openStage();
  const key = { namespace: KLUTCH_NAMESPACE, name: stage.api };
  const stopMarking = stage.markBindings("ready");
  await removeKonnector(stage.appCluster);
  await using home = await stage.appCluster.namespace("binder");
  await stage.appCluster.kubectl(["create", "namespace", KLUTCH_NAMESPACE]); // others may have made it
  stage.behaviour.claims = [{
    group: "",
    resource: "configmaps",
    version: "v1",
    selector: { owner: "Consumer", namespaces: [home.name] },
  }];
  const binder = await openAccount(stage.appCluster, home.name);
  await using everywhere = await binder.allow(EVERYWHERE.map(ruleOf));
  await using here = await binder.allow(HERE.map(ruleOf), KLUTCH_NAMESPACE);
  const asBinder = `--token=${binder.token}`;
  const args = ["bind", stage.url, "--no-browser", "--accept-claims=all", asBinder];
  const bind = (konnector = "--konnector-image=klutch:test", options: RunOptions = {}) =>
    klutch(stage, [...args, konnector], { logIn: true, ...options });
  const told = async () => {
    const { stdout } = await klutch(stage, ["check", asBinder, "-o=json"]);
    const { findings } = JSON.parse(stdout);
    return findings.map(({ what }: { what: string }) => what).find((what: string) => what.startsWith("you may"));
  };

  await t.step("with all of it", async () => {
    equal(await told(), "you may do all that `bind` does");
    const { code, stderr } = await bind();
    equal(code, 0, stderr);
    const role = { namespace: home.name, name: KONNECTOR_ROLE };
    ok(await stage.appCluster.client.api(ROLES).find(role, within(5_000)));
  });

  await t.step("without a look at the konnector's rights", async () => {
    await everywhere.change(without("clusterroles", "get", EVERYWHERE));
    await eventually("the right is gone", async () => (await told())!.startsWith("you may not get clusterroles"));
    const { code, stderr } = await bind("--skip-konnector");
    equal(code, 0, stderr);
    match(stderr, /the konnector's rights stay as they are, as you may not look at them; .* konnector upgrade/);
    await everywhere.change(EVERYWHERE.map(ruleOf));
  });

  await t.step("with a verb less", async () => {
    await here.change(without("poddisruptionbudgets", "get", HERE));
    const lack = `you may not get poddisruptionbudgets.policy "${KONNECTOR}" in namespace ${KLUTCH_NAMESPACE}`;
    await eventually("the right is gone", async () => await told() === lack);
    const { code, stderr } = await bind();
    equal(code, 1);
    match(stderr, /^Error: Cannot get poddisruptionbudgets.policy "klutch-bind\/konnector" .*: 403 Forbidden/m);
  });

  await t.step("with all of it again, also to take back", async () => {
    await here.change(HERE.map(ruleOf));
    await removeKonnector(stage.appCluster);
    await stage.appCluster.client.api(API_SERVICE_BINDINGS).delete(key, {}, within(5_000));
    await eventually("the rights are there", async () => (await told())!.startsWith("you may do"));
    stopMarking(); // what is ready at once may be over before it is interrupted
    const { code, stderr } = await bind(undefined, {
      when: ["✅ Created APIServiceBinding", (child) => child.kill("SIGINT")],
    });
    equal(code, 130, stderr);
    match(stderr, /Took back APIServiceBinding[^]*Took back Deployment klutch-bind\/konnector\n/);
    doesNotMatch(stderr, /Cannot take back/);
  });
  await removeKonnector(stage.appCluster);
});
