import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { ConfigError } from "../kube/errors.ts";
import type { Log } from "../kube/log.ts";
import { eventually } from "../tests/clusters.ts";
import { type BackendOptions, readBackendOptions } from "./options.ts";
import { FLAGS } from "./replica_fixture.ts";
import { runBackend } from "./run.ts";

/** A cluster where nobody listens. */
const KUBECONFIG = `
apiVersion: v1
kind: Config
clusters: [{ name: a, cluster: { server: "https://127.0.0.1:1" } }]
contexts: [{ name: a, context: { cluster: a, user: a } }]
users: [{ name: a, user: { token: none } }]
current-context: a
`;

async function withOptions(run: (options: BackendOptions) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(path, KUBECONFIG);
    await run(readBackendOptions({ ...FLAGS, kubeconfig: path }, {}));
  } finally {
    await Deno.remove(path);
  }
}

type Line = [message: string, fields: Record<string, unknown>];

function recordingLog(lines: Line[]): Log {
  const write = (message: string, fields = {}) => void lines.push([message, fields]);
  return { debug: write, info: write, warn: write, error: write, with: () => recordingLog(lines) };
}

Deno.test("A backend whose cluster is down waits, says so to people and probes, and stops when told", async () => {
  await withOptions(async (options) => {
    const lines: Line[] = [];
    const stop = new AbortController();
    const running = runBackend(options, recordingLog(lines), stop.signal);
    const [, { address, healthPort }] = await eventually(
      "it has started",
      () => lines.find(([message]) => message === "backend started"),
    );
    const ready = await eventually("the issuer is reached", async () => {
      const response = await fetch(`http://127.0.0.1:${healthPort}/readyz`);
      const checks = await response.json();
      return checks.issuer === "ok" && { status: response.status, checks };
    });
    deepEqual(ready, { status: 503, checks: { cluster: "the cluster is not reachable yet", issuer: "ok" } });
    const page = await fetch(`${address}/authorize?p=4711&s=Abc123&c=cl1`, { redirect: "manual" });
    equal(page.status, 503);
    match(await page.text(), /This provider is starting: the cluster is not reachable yet/);
    await eventually("it tries again", () => lines.filter(([message]) => /waiting for/.test(message)).length >= 2);
    stop.abort();
    await running;
  });
});

Deno.test("A backend that cannot listen gives up at once", async () => {
  await withOptions(async (options) => {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = taken.addr as Deno.NetAddr;
    const listen = { host: "127.0.0.1", port };
    await rejects(runBackend({ ...options, listen }, recordingLog([]), new AbortController().signal), (error) => {
      return error instanceof ConfigError && /in use/.test(error.message);
    });
    const healthAddress = `127.0.0.1:${port}`;
    await rejects(
      runBackend({ ...options, healthAddress }, recordingLog([]), new AbortController().signal),
      ConfigError,
    );
  });
});
