import assert from "node:assert/strict";
import type { PermissionClaim } from "../../crds/shared.ts";
import { NAMESPACES, type Secret, SECRETS } from "../../kube/resources.ts";
import { installPolicy } from "../admission_policy.ts";
import { eventually, klutchBinary, within } from "../clusters.ts";
import { mangoDbCrd } from "../mangodb.ts";
import { assertGolden } from "./golden.ts";
import { Story } from "./harness.ts";
import { Mangos } from "./mangos.ts";
import { assertColoured } from "./terminal_session.ts";

const GROUP = "mangodb.com";
const API = `mangodbs.${GROUP}`;
const CREDENTIALS: PermissionClaim = { group: "", resource: "secrets", version: "v1", selector: { owner: "Provider" } };
const [ORDERS, INVOICES, NEW] = ["orders", "invoices", "new"].map((name) => ({ namespace: "default", name }));
const EARLY = { namespace: "early", name: "test" };
const PASSWORD = btoa("open sesame");

Deno.test("klutch diff tells what the next sync writes, and it writes that", async (t) => {
  await using story = await Story.open();
  const mangos = new Mangos(story, GROUP);
  const { consumer: { client: here, plane }, provider: { client: there } } = story;
  const diff = (...args: string[]) => story.runToEnd(["diff", `--kubeconfig=${plane.kubeconfigPath}`, ...args]);
  const untilSynced = () => eventually("nothing is left to be written", async () => (await diff("--all")).code === 0);
  let konnector = await story.startKonnector();
  const backend = await story.startBackend();

  await story.step(t, "nothing is written where all is in sync", async () => {
    await story.backendReady();
    await story.offer(mangoDbCrd(GROUP), [CREDENTIALS]);
    const { code, stderr } = await story.bind(API, { stdin: "y\n" });
    assert.equal(code, 0, stderr);
    for (const key of [ORDERS, INVOICES]) {
      await mangos.create(key);
      await mangos.until("provider", "appears", undefined, { key });
    }
    const mapped = await mangos.mappedNamespace("default");
    const metadata = { name: "login", namespace: mapped };
    const login: Secret = { apiVersion: "v1", kind: "Secret", metadata, data: { user: "bWU=" } };
    await there.api<Secret>(SECRETS).create(login, within(5_000));
    await eventually(
      "the Secret is copied",
      () => here.api(SECRETS).find({ namespace: "default", name: "login" }, within(5_000)),
    );
    await untilSynced();
    assert.deepEqual(await diff("mangodb", "orders"), { code: 0, stdout: "", stderr: "" });
  });

  await story.step(t, "without a konnector it tells every write, and does none", async () => {
    await konnector.signal("SIGTERM");
    await konnector.ended();
    const mapped = await mangos.mappedNamespace("default");
    await mangos.patch("consumer", { spec: { tier: "Dedicated", region: null } }, ORDERS);
    await mangos.report({ phase: "Running" }, ORDERS);
    await mangos.delete("consumer", INVOICES);
    await mangos.create(NEW);
    const secret = { namespace: mapped, name: "login" };
    await there.api(SECRETS).mergePatch(secret, { data: { password: PASSWORD, user: "eW91" } }, {}, within(5_000));

    const all = await diff("--all");
    assert.deepEqual([all.code, all.stderr], [1, ""]);
    const heads = all.stdout.split("\n").filter((line) => /^(---|\+\+\+) /.test(line)).toSorted();
    assert.deepEqual(heads, [
      `+++ app-cluster/${API}/default/new`,
      `+++ app-cluster/${API}/default/orders`,
      `+++ app-cluster/secrets/default/login`,
      `+++ provider/${API}/${mapped}/invoices (none)`,
      `+++ provider/${API}/${mapped}/new`,
      `+++ provider/${API}/${mapped}/orders`,
      `--- app-cluster/${API}/default/new`,
      `--- app-cluster/${API}/default/orders`,
      `--- app-cluster/secrets/default/login`,
      `--- provider/${API}/${mapped}/invoices`,
      `--- provider/${API}/${mapped}/new (none)`,
      `--- provider/${API}/${mapped}/orders`,
    ]);
    assert.match(all.stdout, /\n-\s+tier: Shared\n\+\s+tier: Dedicated\n/);
    assert.match(all.stdout, /\n\+status:\n\+ {2}phase: Running\n/);
    assert.match(
      all.stdout,
      /\n {1}data:\n- {2}user: "?\*\*\* \(before\)"?\n\+ {2}password: "\*\*\*"\n\+ {2}user: "?\*\*\* \(after\)/,
    );
    for (const value of [PASSWORD, "open sesame", "eW91", "bWU="]) assert.ok(!all.stdout.includes(value), all.stdout);

    const one = await diff("mangodb/orders");
    assert.equal(one.code, 1);
    await assertGolden("diff", one.stdout);
    assert.equal(JSON.parse((await diff("mangodb/orders", "-o=json")).stdout).changes.length, 2);
    assert.equal((await mangos.find("provider", ORDERS))!.metadata.generation, 1);
    assert.equal(await mangos.find("provider", NEW), undefined);
    assert.ok(await mangos.find("provider", INVOICES));
  });

  await story.step(t, "on a terminal it is coloured, and not with NO_COLOR", async () => {
    const command = [klutchBinary(), "diff", "mangodb", "orders", `--kubeconfig=${plane.kubeconfigPath}`];
    await assertColoured("diff", command, { code: 1, green: "+  tier: Dedicated" });
  });

  await story.step(t, "what a konnector then writes is what was told", async () => {
    const told = JSON.parse((await diff("mangodb/orders", "-o=json")).stdout).changes;
    const { after } = told.find(({ side }: { side: string }) => side === "provider");
    konnector = await story.startKonnector();
    await untilSynced();
    assert.deepEqual((await mangos.find("provider", ORDERS))!.spec, after.spec);
    assert.deepEqual((await mangos.find("consumer", ORDERS))!.status, { phase: "Running" });
    assert.equal(await mangos.find("consumer", INVOICES), undefined);
  });

  await story.step(t, "an object in a new namespace needs a counterpart of that first", async () => {
    await backend.kill();
    await konnector.kill();
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: EARLY.namespace } };
    await here.api(NAMESPACES).create(namespace, within(5_000));
    await mangos.create(EARLY);
    const { code, stdout } = await diff("mangodb", EARLY.name, "-n", EARLY.namespace);
    assert.equal(code, 1);
    assert.match(stdout, /^--- provider\/apiservicenamespaces\.klutch\.anynines\.com\/\S+\/early \(none\)\n/);
  });

  await story.step(t, "what cannot be told is an error above 1", async () => {
    const cases: [args: string[], says: RegExp][] = [
      [["mangodb", "tset"], /there is no MangoDB "default\/tset"/],
      [["cats", "tom"], /nothing called "cats" is bound/],
      [["mangodb"], /name the object/],
      [["mangodb", "orders", "--all"], /either one object or --all/],
    ];
    for (const [args, says] of cases) {
      const { code, stdout, stderr } = await diff(...args);
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr, says);
    }
    await mangos.patch("consumer", { spec: { tier: "Shared" } }, ORDERS);
    {
      await using _ = await installPolicy(there, {
        name: "no-changes",
        rule: { apiGroups: [GROUP], resources: ["mangodbs"], operations: ["UPDATE"] },
        validations: [{ expression: "false", messageExpression: "'look\\x1b[2J\\x07 here'" }],
      });
      const refused = await eventually("the policy is minded", async () => {
        const answer = await diff("mangodb", "orders");
        return answer.code === 2 ? answer : undefined;
      });
      assert.match(refused.stderr, /^Error: .*look \[2J {2}here.*\n$/);
    }
    await story.provider.plane.stopApiServer();
    const { code, stderr } = await diff("mangodb", "orders");
    assert.equal(code, 2);
    assert.match(stderr, /Cannot compare: .*provider/);
  });
});
