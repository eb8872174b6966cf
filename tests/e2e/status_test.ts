import assert from "node:assert/strict";
import { LEASES } from "../../kube/resources.ts";
import { eventually, klutchBinary, within } from "../clusters.ts";
import { mangoDbCrd } from "../mangodb.ts";
import { assertGolden } from "./golden.ts";
import { Story } from "./harness.ts";
import { Mangos } from "./mangos.ts";
import { assertColoured } from "./terminal_session.ts";

const GROUP = "mangodb.com";
const API = `mangodbs.${GROUP}`;

Deno.test("klutch status tells what is bound and how it fares, for people and for programs", async (t) => {
  await using story = await Story.open();
  const mangos = new Mangos(story, GROUP);
  const run = (...args: string[]) => story.runToEnd([...args, `--kubeconfig=${story.consumer.plane.kubeconfigPath}`]);
  const status = (...args: string[]) => run("status", ...args);

  await story.step(t, "without a binding it says what to do", async () => {
    const { code, stdout, stderr } = await status();
    assert.deepEqual([code, stderr], [0, ""]);
    assert.equal(stdout, "Nothing is bound in this cluster. Bind an API with `kubectl klutch bind URL`.\n");
    const check = await run("check");
    assert.equal(check.code, 3);
    await assertGolden("check_nothing_bound", check.stdout);
  });

  const { konnector } = await story.given(t, mangoDbCrd(GROUP));

  await story.step(t, "a binding that works is a row", async () => {
    await mangos.create();
    await mangos.until("provider", "appears");
    const { stdout, stderr } = await eventually("all is well", async () => {
      const answer = await status();
      return /^OK/m.test(answer.stdout) && answer;
    });
    assert.equal(stderr, "");
    await assertGolden("status", stdout);
    await assertGolden("check", (await run("check")).stdout);
  });

  await story.step(t, "on a terminal it is the same in colours, unless nobody wants them", async () => {
    const command = [klutchBinary(), "status", `--kubeconfig=${story.consumer.plane.kubeconfigPath}`];
    await assertColoured("status", command, { code: 0, green: "OK" });
  });

  await story.step(t, "programs read the same as json and yaml", async () => {
    const { verdict, bindings: [binding] } = JSON.parse((await status("-o", "json")).stdout);
    assert.equal(verdict, "OK");
    const { name, provider, objects, claimedObjects, findings } = binding;
    assert.deepEqual({ name, provider, objects, claimedObjects, findings }, {
      name: API,
      provider: "Mango Inc.",
      objects: 1,
      claimedObjects: 0,
      findings: [],
    });
    assert.match((await status("-o=yaml")).stdout, /^verdict: OK\nkonnector:\n {2}checkpoint: Konnector\n/);
    assert.match((await status("-n", "elsewhere")).stdout, /^No binding is in namespace "elsewhere"/);
    const check = await run("check", "-o", "json");
    assert.equal(check.code, 0, check.stdout);
    const checkpoints = JSON.parse(check.stdout).findings.map(({ checkpoint }: { checkpoint: string }) => checkpoint);
    assert.deepEqual([...new Set(checkpoints)], ["Cluster", "Konnector", "Secret", "Provider"]);
  });

  await story.step(t, "without a konnector it fails, and says so once", async () => {
    await konnector.signal("SIGTERM");
    await konnector.ended();
    const { code, stdout } = await status();
    assert.equal(code, 3);
    await assertGolden("status_konnector_stopped", stdout);
    await story.consumer.client.api(LEASES).delete(
      { namespace: "kube-system", name: "klutch-bind" },
      {},
      within(5_000),
    );
    assert.match((await status()).stdout, /KonnectorNotFound: .*\n {6}→ Install it/);
  });
});
