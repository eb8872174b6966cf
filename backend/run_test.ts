import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { ConfigError } from "../kube/errors.ts";
import type { Log } from "../kube/log.ts";
import { createTestAuthority } from "../playground/certificates.ts";
import { eventually } from "../tests/clusters.ts";
import { MountedSecret } from "../tests/mounted_secret.ts";
import { ask, connectTls, issueForLoopback, serialOf, serialShown } from "../tests/tls_client.ts";
import { type BackendFlags, type BackendOptions, readBackendOptions } from "./options.ts";
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

async function withOptions(
  run: (options: BackendOptions) => Promise<void>,
  flags: Partial<BackendFlags> = {},
): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(path, KUBECONFIG);
    await run(readBackendOptions({ ...FLAGS, ...flags, kubeconfig: path }, {}));
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

Deno.test("A backend limits how often an address asks, and believes trusted proxies which one it is", async () => {
  const asked = async (trustedProxy: string[]): Promise<number[]> => {
    const statuses: number[] = [];
    await withOptions(async (options) => {
      const lines: Line[] = [];
      const stop = new AbortController();
      const running = runBackend(options, recordingLog(lines), stop.signal);
      const started = () => lines.find(([message]) => message === "backend started");
      const [, { address }] = await eventually("it has started", started);
      for (const client of ["203.0.113.1", "203.0.113.1", "203.0.113.2"]) {
        const response = await fetch(`${address}/export`, { headers: { "x-forwarded-for": client } });
        await response.body?.cancel();
        statuses.push(response.status);
      }
      stop.abort();
      await running;
    }, { appClustersPerUser: "500", loginRate: "1", trustedProxy });
    return statuses;
  };
  deepEqual(await asked(["127.0.0.0/8"]), [503, 429, 503]); // 503: its cluster is down
  deepEqual(await asked([]), [503, 429, 429]);
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

Deno.test("A backend takes up a renewed certificate without a restart, and its metrics tell when that ends", async () => {
  const authority = await createTestAuthority("test CA");
  const [first, second] = [await issueForLoopback(authority), await issueForLoopback(authority)];
  await using secret = await MountedSecret.mount({ "tls.crt": first.certificate, "tls.key": first.key });
  await withOptions(async (options) => {
    const tls = { certFile: secret.path("tls.crt"), keyFile: secret.path("tls.key") };
    const lines: Line[] = [];
    const stop = new AbortController();
    const running = runBackend({ ...options, tls }, recordingLog(lines), stop.signal);
    const told = (text: string) => lines.find(([message]) => message.startsWith(text));
    const [, { address, healthPort }] = await eventually("it has started", () => told("backend started"));
    const port = Number(new URL(String(address)).port);
    const standing = await connectTls(port, authority);
    equal(await serialShown(port, authority), serialOf(first));

    await secret.update({ "tls.crt": second.certificate, "tls.key": first.key });
    await eventually("it tells that they do not fit", () => told("cannot renew the serving certificate"));
    equal(await serialShown(port, authority), serialOf(first));

    await secret.update({ "tls.crt": second.certificate, "tls.key": second.key });
    await eventually("it is renewed", () => told("serving certificate renewed"));
    equal(await serialShown(port, authority), serialOf(second));
    const metrics = await (await fetch(`http://127.0.0.1:${healthPort}/metrics`)).text();
    const end = /^klutch_backend_serving_certificate_expiration_timestamp_seconds (\d+)$/m.exec(metrics)?.[1];
    equal(Number(end) * 1000, new X509Certificate(second.certificate).validToDate.getTime());
    match(await ask(standing, "/authorize?p=4711&s=Abc123&c=cl1"), /^HTTP\/1.1 503 [^]*This provider is starting/);

    const closed = once(standing, "close");
    stop.abort();
    await running;
    await closed;
    await rejects(Deno.connect({ port }), Deno.errors.ConnectionRefused);
  });
});
