import { doesNotMatch, equal, match } from "node:assert/strict";
import { API_SERVICE_BINDINGS, KLUTCH_NAMESPACE, KONNECTOR } from "../../crds/names.ts";
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  type PolicyRule,
  type Role,
  type RoleBinding,
  SERVICE_ACCOUNTS,
} from "../../kube/resources.ts";
import { ruleOf } from "../../sync/rights.ts";
import { eventually, type TestCluster, uniqueName, within } from "../../tests/clusters.ts";
import { klutch, openStage } from "../bind_fixture.ts";
import { konnectorManifests } from "../konnector/manifests.ts";
import { BIND_RIGHTS } from "./own_rights.ts";

/** Somebody who may do what the rules say, and who they say it about. */
async function person({ client, kubectl }: TestCluster, rules: PolicyRule[]) {
  const name = uniqueName("binder");
  const account = { namespace: "default", name };
  const apiVersion = "rbac.authorization.k8s.io/v1";
  await using made = new AsyncDisposableStack();
  made.defer(async () => {
    for (const resource of [CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES]) {
      await client.api(resource).delete({ name }, {}, within(5_000));
    }
    await client.api(SERVICE_ACCOUNTS).delete(account, {}, within(5_000));
  });
  await client.api(SERVICE_ACCOUNTS).create(
    { apiVersion: "v1", kind: "ServiceAccount", metadata: account },
    within(5_000),
  );
  await client.api<Role>(CLUSTER_ROLES).create(
    { apiVersion, kind: "ClusterRole", metadata: { name }, rules },
    within(5_000),
  );
  await client.api<RoleBinding>(CLUSTER_ROLE_BINDINGS).create({
    apiVersion,
    kind: "ClusterRoleBinding",
    metadata: { name },
    subjects: [{ kind: "ServiceAccount", ...account }],
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
  }, within(5_000));
  const { stdout } = await kubectl(["create", "token", name, "-n", account.namespace], { signal: within(5_000) });
  const kept = made.move();
  return {
    flag: `--token=${stdout.trim()}`,
    may: (rules: PolicyRule[]) => client.api<Role>(CLUSTER_ROLES).mergePatch({ name }, { rules }, {}, within(5_000)),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

const LISTED = BIND_RIGHTS.map(ruleOf);

async function removeKonnector({ client }: TestCluster) {
  for (const { resource, object } of konnectorManifests("").slice(1).toReversed()) {
    await client.api(resource).delete(object.metadata, {}, within(5_000));
  }
}

Deno.test("whoever may do what `check` asks for can bind, and nobody else is told so", async (t) => {
  await using stage = await openStage();
  const key = { namespace: KLUTCH_NAMESPACE, name: stage.api };
  stage.markBindings("ready");
  await removeKonnector(stage.appCluster);
  await using binder = await person(stage.appCluster, LISTED);
  const args = ["bind", stage.url, "--no-browser", "--konnector-image=klutch:test", binder.flag];
  const bind = () => klutch(stage, args, { logIn: true });
  const told = async () => {
    const { stdout } = await klutch(stage, ["check", binder.flag, "-o=json"]);
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
    await binder.may(
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
    await binder.may(LISTED);
    await removeKonnector(stage.appCluster);
    await stage.appCluster.client.api(API_SERVICE_BINDINGS).delete(key, {}, within(5_000));
    await eventually("the rights are there", async () => (await told())!.startsWith("you may do"));
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
