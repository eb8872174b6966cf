import assert from "node:assert/strict";
import { join } from "node:path";
import { stringify } from "yaml";
import { createTestAuthority } from "../playground/certificates.ts";
import { eventually } from "../tests/clusters.ts";
import { ConfigError } from "./errors.ts";
import { loadKubeconfig } from "./kubeconfig.ts";

const never = new AbortController().signal;
const PATH = Deno.env.get("PATH");

/** A kubeconfig whose user logs in with this shell script; each run of it leaves a line in the file `runs`. */
async function withPlugin(script: string, exec: Record<string, unknown> = {}) {
  const directory = await Deno.makeTempDir();
  const path = join(directory, "config");
  await Deno.writeTextFile(join(directory, "plugin"), `#!/bin/sh\necho run >> "$RUNS"\n${script}\n`, { mode: 0o755 });
  await Deno.writeTextFile(
    path,
    stringify({
      clusters: [{
        name: "c",
        cluster: {
          server: "https://c.example",
          extensions: [{ name: "client.authentication.k8s.io/exec", extension: { audience: "me" } }],
        },
      }],
      users: [{
        name: "u",
        user: {
          exec: {
            apiVersion: "client.authentication.k8s.io/v1",
            command: "./plugin",
            interactiveMode: "Never",
            env: [{ name: "RUNS", value: join(directory, "runs") }, { name: "GREETING", value: "hello" }],
            ...exec,
          },
        },
      }],
      contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
      "current-context": "x",
    }),
  );
  const config = await loadKubeconfig({ path, env: { PATH, FROM_OUTSIDE: "yes" } });
  return {
    credentials: config.credentials,
    bearer: async (renew: boolean) => (await config.credentials(renew, never)).headers.authorization,
    runs: async () => (await Deno.readTextFile(join(directory, "runs"))).trim().split("\n").length,
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
}

/** A shell command that answers with this status. */
const answer = (status: Record<string, unknown>) =>
  `cat <<'END'\n${
    JSON.stringify({ apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status })
  }\nEND`;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

Deno.test("a credential plugin without expiry runs once, and once more after a 401", async () => {
  await using plugin = await withPlugin(answer({ token: "abc" }));
  assert.equal(await plugin.bearer(false), "Bearer abc");
  assert.equal(await plugin.bearer(false), "Bearer abc");
  assert.equal(await plugin.runs(), 1);
  await pause(1100);
  await Promise.all([plugin.bearer(true), plugin.bearer(true), plugin.bearer(true)]);
  assert.equal(await plugin.runs(), 2);
});

Deno.test("requests that begin together share one run of the plugin", async () => {
  await using plugin = await withPlugin(`sleep 0.2\n${answer({ token: "abc" })}`);
  await Promise.all(Array.from({ length: 10 }, () => plugin.bearer(false)));
  assert.equal(await plugin.runs(), 1);
});

Deno.test("a credential plugin runs again when its credentials have expired", async () => {
  await using plugin = await withPlugin(`
    expires=$(date -u -d '+1 second' +%Y-%m-%dT%H:%M:%SZ)
    echo '{"status":{"token":"abc","expirationTimestamp":"'$expires'"}}'`);
  await plugin.bearer(false);
  await pause(1100);
  await plugin.bearer(false);
  assert.equal(await plugin.runs(), 2);
});

Deno.test("a credential plugin may give a client certificate", async () => {
  const pair = await (await createTestAuthority("test CA")).issueClient("me");
  const { certificate: clientCertificateData, key: clientKeyData } = pair;
  await using plugin = await withPlugin(answer({ clientCertificateData, clientKeyData }));
  assert.deepEqual(await plugin.credentials(false, never), { headers: {}, clientCertificate: pair });
});

Deno.test("a credential plugin gets its arguments, its environment, and what kubectl tells plugins", async () => {
  await using plugin = await withPlugin(
    `info=$(echo "$KUBERNETES_EXEC_INFO" | base64 -w0)
     echo '{"status":{"token":"'$1-$GREETING-$FROM_OUTSIDE-$info'"}}'`,
    { args: ["login"], provideClusterInfo: true },
  );
  const [, first, greeting, outside, info] = /^Bearer (\w+)-(\w+)-(\w+)-(.+)$/.exec((await plugin.bearer(false))!)!;
  assert.deepEqual([first, greeting, outside], ["login", "hello", "yes"]);
  assert.deepEqual(JSON.parse(atob(info!)), {
    apiVersion: "client.authentication.k8s.io/v1",
    kind: "ExecCredential",
    spec: { interactive: false, cluster: { server: "https://c.example", config: { audience: "me" } } },
  });
});

const bad: [name: string, script: string, exec: Record<string, unknown>, reason: RegExp][] = [
  ["fails", "echo no session >&2; exit 3", {}, /plugin ".*plugin" ended with exit code 3: no session$/],
  ["is killed", "kill -9 $$", {}, /was ended by SIGKILL/],
  [
    "does not exist",
    "",
    { command: "no-such-plugin", installHint: "apt install it" },
    /cannot be run \(apt install it\)/,
  ],
  ["has no command", "", { command: "" }, /"exec" has no command/],
  ["answers no JSON", "echo secret", {}, /did not answer JSON$/],
  ["answers no credentials", "echo '{}'", {}, /neither a token nor a certificate/],
  ["answers half a certificate", answer({ clientKeyData: "secret" }), {}, /neither a token nor a certificate/],
  ["answers a token with a line break", answer({ token: "secret\nX-Evil: 1" }), {}, /no HTTP header can carry$/],
  ["answers a bad certificate", answer({ clientCertificateData: "secret", clientKeyData: "x" }), {}, /not PEM encoded/],
];
for (const [name, script, exec, reason] of bad) {
  Deno.test(`a credential plugin that ${name} is reported, and asked again next time`, async () => {
    await using plugin = await withPlugin(script, exec);
    for (let time = 1; time <= 2; time++) {
      await assert.rejects(plugin.bearer(false), (error) => {
        assert.ok(error instanceof ConfigError, String(error));
        assert.match(error.message, reason);
        assert.ok(!error.message.includes("secret"));
        return true;
      });
    }
    if (!("command" in exec)) assert.equal(await plugin.runs(), 2);
  });
}

Deno.test("a credential plugin that hangs is ended when nobody waits for it any more", async () => {
  await using plugin = await withPlugin(`
    trap 'echo ended >> "$RUNS"; exit 1' TERM
    echo waiting >> "$RUNS"
    while :; do sleep 0.05; done`);
  const untilLines = (what: string, count: number) => eventually(what, async () => await plugin.runs() === count);
  const [first, second] = [new AbortController(), new AbortController()];
  const both = [plugin.credentials(false, first.signal), plugin.credentials(false, second.signal)];
  await untilLines("it waits", 2);
  first.abort(new Error("first left"));
  await assert.rejects(both[0]!, /first left/);
  await pause(200);
  assert.equal(await plugin.runs(), 2, "still running for the second");
  second.abort(new Error("second left"));
  await assert.rejects(both[1]!, /second left/);
  await untilLines("it was told to end", 3);
});
