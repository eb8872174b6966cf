import assert from "node:assert/strict";
import { env, kill } from "node:process";
import { readLines } from "../kube/lines.ts";
import { eventually, klutchBinary, within } from "../tests/clusters.ts";
import { HttpBrowser } from "./browser.ts";
import { logInAndBind } from "./demo_login.ts";

const TIMEOUT_MS = 180_000;

interface DemoRun {
  code: number;
  stdout: string;
  stderr: string;
}

/**
 * Runs the compiled `klutch demo --once` in a directory for temporary files of its own, and makes sure that neither
 * files nor processes of it are left.
 *
 * @param onLine told each line of the story as it comes, with the process's id
 */
async function runDemo(
  onLine: (line: string, pid: number) => void = () => {},
  flags: readonly string[] = [],
): Promise<DemoRun> {
  const temporary = await Deno.makeTempDir({ prefix: "demo-" });
  try {
    const child = new Deno.Command(klutchBinary(), {
      args: ["demo", "--once", ...flags],
      env: { TMPDIR: temporary },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).spawn();
    const lines: string[] = [];
    const reading = (async () => {
      for await (const line of readLines(child.stdout, () => {})) {
        lines.push(line);
        onLine(line, child.pid);
      }
    })();
    const [{ code }, stderr] = await Promise.all([child.status, new Response(child.stderr).text(), reading]);
    const left = await Array.fromAsync(Deno.readDir(temporary), ({ name }) => name);
    // The runtime of compiled programs keeps a cache of its own there.
    assert.deepEqual(left.filter((name) => !name.startsWith("deno-compile-")), []);
    await eventually("its processes are gone", async () => !(await commandLines()).includes(temporary));
    return { code, stdout: lines.join("\n"), stderr };
  } finally {
    await Deno.remove(temporary, { recursive: true });
  }
}

async function commandLines(): Promise<string> {
  const { stdout } = await new Deno.Command("ps", { args: ["-eo", "args", "-ww"] }).output();
  return new TextDecoder().decode(stdout);
}

Deno.test("klutch demo --once shows a round trip and leaves nothing behind", async () => {
  const { code, stdout, stderr } = await runDemo();
  assert.equal(code, 0, stderr);
  const story = [
    /^1\. Two Kubernetes control planes/,
    /✓ control plane cluster at https:\/\/127\.0\.0\.1:\d+/,
    /✓ app cluster at https:\/\/127\.0\.0\.1:\d+/,
    /✓ the backend runs as process \d+, log in \S+backend\.log/,
    /apiserviceexporttemplate\S+ created/,
    /✓ the konnector runs as process \d+, log in \S+konnector\.log/,
    /\$ klutch bind http:\S+\/export /,
    /browser: logged in as alice/,
    /browser: clicked Bind at postgresqlinstances/,
    /APIServiceBinding postgresqlinstances\.anynines\.com is Ready/,
    /\+\S+ m?s +app cluster +default\/orders-db +created/,
    /\+\S+ m?s +control plane cluster +cluster-\w+-default\/orders-db +created/,
    /control plane cluster +\S+ +status: Ready=True \(Available\)/,
    /app cluster +default\/orders-db +status: Ready=True \(Available\)/,
    /✓ spec up in \S+ m?s, status down in \S+ m?s/,
    /NAME +SERVICE +PLAN +READY +HOST +AGE/,
    /orders-db +a9s-postgresql17 +postgresql-single-small +True +orders-db\.databases\.example\.com/,
    /✓ the round trip is complete/,
  ];
  let rest = stdout.split("\n");
  for (const step of story) {
    const index = rest.findIndex((line) => step.test(line));
    assert.ok(index >= 0, `not told, or not in order: ${step}\n${stdout}`);
    // What happens in two clusters at the same time may be told in either order.
    if (!/created|status/.test(step.source)) rest = rest.slice(index + 1);
  }
  assert.ok(!stdout.includes("\x1b"), "a pipe gets no control sequences");
});

Deno.test("klutch demo --once ends with the reason when the konnector ends on the way", async () => {
  const { code, stdout, stderr } = await runDemo((line) => {
    const pid = /the konnector runs as process (\d+)/.exec(line)?.[1];
    if (pid) kill(Number(pid), "SIGKILL");
  });
  assert.equal(code, 1);
  assert.match(stderr, /^Error: Cannot go on: the konnector ended with exit code 137; its last lines:\n.*konnector/m);
  assert.ok(!stdout.includes("round trip is complete"), stdout);
});

Deno.test("klutch demo can be interrupted in the middle", async () => {
  const { code, stderr } = await runDemo((line, pid) => {
    if (line.includes("the backend runs")) kill(pid, "SIGINT");
  });
  assert.equal(code, 130);
  assert.ok(!stderr.includes("Error"), stderr);
});

Deno.test("klutch demo --interactive waits for a person to log in and click Bind", async () => {
  const told: string[] = [];
  let visit: Promise<void> | undefined;
  let isAsked = false;
  let url: string | undefined;
  using browser = new HttpBrowser();
  const { code, stdout, stderr } = await runDemo((line) => {
    url ??= /^\s*(http:\S+\/authorize\?\S+)$/.exec(line)?.[1];
    isAsked ||= line.includes("Open this page, log in with any name, and click Bind.");
    if (!isAsked || !url) return;
    const steps = { url, user: "bob", api: "postgresqlinstances", tell: (what: string) => told.push(what) };
    visit ??= logInAndBind(browser, steps, within(60_000));
  }, ["--interactive"]);
  await visit;
  assert.equal(code, 0, stderr);
  assert.equal(told.at(-1), "clicked Bind at postgresqlinstances");
  assert.match(stdout, /✓ the round trip is complete/);
  assert.doesNotMatch(stdout, /^ +browser: /m, "nobody else logs in");
});

Deno.test({
  name: "klutch demo --with-crossplane shows a service that Crossplane defines, and how its API changes",
  ignore: !env.KLUTCH_TEST_CROSSPLANE,
  async fn() {
    const { code, stdout, stderr } = await runDemo(() => {}, ["--with-crossplane"]);
    assert.equal(code, 0, stderr + stdout);
    assert.match(stdout, /browser: clicked Bind at caches/);
    assert.match(stdout, /cache\.service\.example\.com\/sessions condition met/);
    assert.match(stdout, /caches\.service\.example\.com +Auto +breaking .*SchemaBlocked/);
  },
});
