import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { env } from "node:process";
import { findBinaries } from "../playground/binaries.ts";
import type { KeyAlgorithm } from "../playground/certificates.ts";
import { ControlPlane } from "../playground/control_plane.ts";
import { eventually, within } from "../tests/clusters.ts";
import { KubeClient } from "./client.ts";
import { isUnauthorized, isUnreachable } from "./errors.ts";
import { Informer } from "./informer.ts";
import { staticConfig } from "./kubeconfig.ts";
import { silentLog } from "./log.ts";
import { parseReceivedKubeconfig } from "./received_kubeconfig.ts";
import { CONFIG_MAPS, type ConfigMap } from "./resources.ts";
import type { KubeObject } from "./types.ts";

const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: "SHA-256",
};
const rewrite = (key: string, type: "pkcs1" | "sec1") =>
  createPrivateKey(key).export({ type, format: "pem" }).toString();

const forms: [name: string, algorithm: KeyAlgorithm | undefined, write: (pkcs8: string) => string][] = [
  ["ECDSA on P-256 as PKCS#8", undefined, (key) => key],
  ["ECDSA on P-256 as SEC1", undefined, (key) => rewrite(key, "sec1")],
  ["ECDSA on P-384 as SEC1", { name: "ECDSA", namedCurve: "P-384" }, (key) => rewrite(key, "sec1")],
  ["RSA as PKCS#8", RSA, (key) => key],
  ["RSA as PKCS#1", RSA, (key) => rewrite(key, "pkcs1")],
  ["Ed25519 as PKCS#8", { name: "Ed25519" }, (key) => key],
];

interface Review extends KubeObject {
  status: { userInfo: { username: string; groups: string[] } };
}

// One control plane of its own, as it is stopped on the way.
Deno.test("a control plane with users, an API server that goes away, and one that comes back", async (t) => {
  const binaries = await findBinaries({ env }, within(600_000));
  await using plane = await ControlPlane.start({ name: "faults", binaries }, within(60_000));
  const { server, caData } = plane;

  const whoAmI = async (client: KubeClient) => {
    const body = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
    const path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    const { status: { userInfo } } = await client.request<Review>("POST", path, { body }, within(10_000));
    return userInfo;
  };

  for (const [name, algorithm, write] of forms) {
    await t.step(`a client certificate logs in: ${name}`, async () => {
      const { certificate, key } = await plane.issueClientCertificate("jane", ["team"], algorithm);
      const clientCertificate = { certificate, key: write(key) };
      using client = new KubeClient(staticConfig({ server, caData, clientCertificate }));
      const { username, groups } = await whoAmI(client);
      assert.deepEqual([username, groups], ["jane", ["team", "system:authenticated"]]);
      using received = new KubeClient(parseReceivedKubeconfig(plane.kubeconfigFor({ clientCertificate })));
      assert.equal((await whoAmI(received)).username, "jane");
      using named = new KubeClient(
        staticConfig({ server, caData, clientCertificate, tlsServerName: plane.serverName }),
      );
      assert.equal((await whoAmI(named)).username, "jane");
    });
  }

  await t.step("a client certificate of another authority is refused, and its replacement taken at once", async () => {
    const { createTestAuthority } = await import("../playground/certificates.ts");
    const foreign = await (await createTestAuthority("another CA")).issueClient("mallory");
    using client = new KubeClient(staticConfig({ server, caData, clientCertificate: foreign }));
    await assert.rejects(whoAmI(client), isUnauthorized);
    const own = await plane.issueClientCertificate("jane");
    using renewing = new KubeClient({
      server,
      caData,
      credentials: (renew) => Promise.resolve({ headers: {}, clientCertificate: renew ? own : foreign }),
    });
    assert.equal((await whoAmI(renewing)).username, "jane");
  });

  await t.step("watches follow over a restart of the API server, and lose nothing", async () => {
    using client = new KubeClient(plane.config);
    const api = client.api<ConfigMap>(CONFIG_MAPS);
    const metadata = (name: string) => ({ namespace: "default", name, labels: { test: "faults" } });
    const create = (name: string) =>
      api.create({ apiVersion: "v1", kind: "ConfigMap", metadata: metadata(name) }, within(10_000));
    const stop = new AbortController();
    const informers = Array.from({ length: 5 }, () => new Informer<ConfigMap>(api, { log: silentLog }));
    const watching = informers.map((one) => one.watch({ labelSelector: "test=faults" }, stop.signal));
    await create("before");
    await eventually("all hold the first", () => informers.every(({ store }) => store.size === 1));

    await plane.stopApiServer();
    await assert.rejects(
      create("never"),
      (error: Error) => isUnreachable(error) && /refused|broke off|reset/.test(error.message),
    );
    await eventually("all know it", () => informers.every(({ trouble }) => trouble !== undefined));
    await plane.startApiServer(within(60_000));
    await api.delete(metadata("before"), {}, within(10_000));
    await create("after");
    const names = (informer: Informer<ConfigMap>) => [...informer.store.keys()].map(({ name }) => name).join();
    await eventually("all agree", () => informers.every((one) => names(one) === "after"));
    assert.ok(informers.every(({ trouble }) => trouble === undefined));
    stop.abort();
    await Promise.all(watching);
  });
});
