import { doesNotMatch, equal, match } from "node:assert/strict";
import { API_SERVICE_BINDINGS, KLUTCH_NAMESPACE, KONNECTOR } from "../../crds/names.ts";
import type { PolicyRule } from "../../kube/resources.ts";
import { ruleOf } from "../../sync/rights.ts";
import { openAccount } from "../../tests/account.ts";
import { eventually, within } from "../../tests/clusters.ts";
import { klutch, openStage } from "../bind_fixture.ts";
import { removeKonnector } from "../konnector/remove_fixture.ts";
import { BIND_RIGHTS } from "./own_rights.ts";

const LISTED = BIND_RIGHTS.map(ruleOf);

Deno.test("whoever may do what `check` asks for can bind, and nobody else is told so", async (t) => {
  await using stage = await openStage();
  const key = { namespace: KLUTCH_NAMESPACE, name: stage.api };
  const stopMarking = stage.markBindings("ready");
  await removeKonnector(stage.appCluster);
  await using home = await stage.appCluster.namespace("binder");
  const binder = await openAccount(stage.appCluster, home.name);
  await using allowance = await binder.allow(LISTED);
  const asBinder = `--token=${binder.token}`;
  const args = ["bind", stage.url, "--no-browser", "--konnector-image=klutch:test", asBinder];
  const bind = () => klutch(stage, args, { logIn: true });
  const told = async () => {
    const { stdout } = await klutch(stage, ["check", asBinder, "-o=json"]);
    const { findings } = JSON.parse(stdout);
    return findings.map(({ what }: { what: string }) => what).find((what: string) => what.startsWith("you may"));
  };

  await t.step("with all of it", async () => {
    equal(await told(), "you may do all that `bind` does");
    const { code, stderr } = await bind();
    equal(code, 0, stderr);
  });

  await t.step("with a verb less", async () => {
    const budgets = ({ resources }: PolicyRule) => resources?.[0] === "poddisruptionbudgets";
    await allowance.change(
      LISTED.map((rule) => budgets(rule) ? { ...rule, verbs: rule.verbs.filter((verb) => verb !== "get") } : rule),
    );
    const what = await eventually("the right is gone", async () => {
      const what = await told();
      return what?.startsWith("you may not") && what;
    });
    equal(what, `you may not get poddisruptionbudgets.policy "${KONNECTOR}"`);
    const { code, stderr } = await bind();
    equal(code, 1);
    match(stderr, /^Error: Cannot get poddisruptionbudgets.policy "klutch-bind\/konnector" .*: 403 Forbidden/m);
  });

  await t.step("with all of it again, also to take back", async () => {
    await allowance.change(LISTED);
    await removeKonnector(stage.appCluster);
    await stage.appCluster.client.api(API_SERVICE_BINDINGS).delete(key, {}, within(5_000));
    await eventually("the rights are there", async () => (await told())!.startsWith("you may do"));
    stopMarking(); // what is ready at once may be over before it is interrupted
    const { code, stderr } = await klutch(stage, args, {
      logIn: true,
      when: ["✅ Created APIServiceBinding", (child) => child.kill("SIGINT")],
    });
    equal(code, 130, stderr);
    match(stderr, /Took back APIServiceBinding[^]*Took back Deployment klutch-bind\/konnector\n/);
    doesNotMatch(stderr, /Cannot take back/);
  });
  await removeKonnector(stage.appCluster);
});
