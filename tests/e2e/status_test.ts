import assert from "node:assert/strict";
import { LEASES } from "../../kube/resources.ts";
import { eventually, within } from "../clusters.ts";
import { mangoDbCrd } from "../mangodb.ts";
import { Story } from "./harness.ts";
import { Mangos } from "./mangos.ts";

const GROUP = "mangodb.com";
const API = `mangodbs.${GROUP}`;

Deno.test("klutch status tells what is bound and how it fares, for people and for programs", async (t) => {
  await using story = await Story.open();
  const mangos = new Mangos(story, GROUP);
  const run = async (...args: string[]) => {
    const program = await story.run([...args, `--kubeconfig=${story.consumer.plane.kubeconfigPath}`]);
    const code = await program.ended();
    return { code, stdout: await program.stdout, stderr: await program.stderr };
  };
  const status = (...args: string[]) => run("status", ...args);

  await story.step(t, "without a binding it says what to do", async () => {
    const { code, stdout, stderr } = await status();
    assert.deepEqual([code, stderr], [0, ""]);
    assert.equal(stdout, "Nothing is bound in this cluster. Bind an API with `kubectl klutch bind URL`.\n");
    const check = await run("check");
    assert.equal(check.code, 3);
    assert.match(check.stdout, /^OK {4}Cluster {4}https:\/\/\S+, version v1\.\d+/);
    assert.match(check.stdout, /^WAIT {2}Cluster {4}BindingsNotServed: /m);
    assert.match(check.stdout, /^FAIL {2}Konnector {2}KonnectorNotFound: .*\n {17}→ Install it/m);
  });

  const { konnector } = await story.given(t, mangoDbCrd(GROUP));

  await story.step(t, "a binding that works is a row", async () => {
    await mangos.create();
    await mangos.until("provider", "appears");
    const { stdout, stderr } = await eventually("all is well", async () => {
      const answer = await status();
      return answer.code === 0 && answer;
    });
    assert.equal(stderr, "");
    const [head, row, ...rest] = stdout.trimEnd().split("\n").map((line) => line.split(/ {2,}/));
    assert.deepEqual(head, ["HEALTH", "NAME", "PROVIDER", "OBJECTS", "CLAIMED", "KONNECTOR", "HEARTBEAT"]);
    assert.deepEqual(row!.slice(0, 5), ["OK", API, "Mango Inc.", "1", "0"]);
    assert.match(row!.slice(5).join(" "), /^v\d\S+ \d+s$/);
    assert.deepEqual(rest, []);
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
    assert.match((await status("-n", "elsewhere")).stdout, /^Nothing is bound/);
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
    assert.match(
      stdout,
      /\nFAIL {5}mangodbs\.mangodb\.com .*\n\nFAIL {2}konnector: KonnectorStopped: .*\n {6}→ Start it again/,
    );
    assert.equal(stdout.match(/KonnectorStopped/g)?.length, 1);
    await story.consumer.client.api(LEASES).delete(
      { namespace: "kube-system", name: "klutch-bind" },
      {},
      within(5_000),
    );
    assert.match((await status()).stdout, /KonnectorNotFound: .*\n {6}→ Install it/);
  });
});
