import { deepEqual, equal, match, ok, rejects, throws } from "node:assert/strict";
import { env } from "node:process";
import { KubeClient } from "../kube/client.ts";
import { KubeError } from "../kube/errors.ts";
import { parseReceivedKubeconfig } from "../kube/received_kubeconfig.ts";
import { CONFIG_MAPS, NAMESPACES } from "../kube/resources.ts";
import { eventually, within } from "../tests/clusters.ts";
import { findBinaries } from "./binaries.ts";
import { ControlPlane } from "./control_plane.ts";
import { exists } from "../user_cache.ts";

const binaries = await findBinaries({ env, progress: console.error }, within(600_000));

Deno.test("a control plane", async (test) => {
  const lines: string[] = [];
  const plane = await ControlPlane.start({
    name: "fault",
    binaries,
    users: [{ name: "dora", groups: ["shop", "night shift"] }],
    progress: (line) => lines.push(line),
  }, within(90_000));
  await using _ = plane;
  using client = new KubeClient(plane.config, { timeoutMs: 5_000 });
  const configMaps = client.api(CONFIG_MAPS);

  await test.step("serves its administrator, by client and by kubectl", async () => {
    const object = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { namespace: "default", name: "note" },
      data: { a: "b" },
    };
    const { code, stderr } = await plane.kubectl(["create", "-f", "-"], { stdin: JSON.stringify(object) });
    deepEqual({ code, stderr }, { code: 0, stderr: "" });
    deepEqual((await configMaps.get({ namespace: "default", name: "note" }, within(5_000))).data, { a: "b" });
  });

  await test.step("keeps strangers out and lets RBAC decide for users with a token or a certificate", async () => {
    const clientCertificate = await plane.issueClientCertificate("carl", ["shop"]);
    for (const [user, name] of [[{ token: plane.tokenOf("dora") }, "dora"], [{ clientCertificate }, "carl"]] as const) {
      using other = new KubeClient(parseReceivedKubeconfig(plane.kubeconfigFor(user)));
      const refused = { status: 403, message: new RegExp(`User "?${name}"? cannot list|forbidden`) };
      await rejects(other.api(NAMESPACES).list({}, within(5_000)), refused);
    }
    using stranger = new KubeClient(parseReceivedKubeconfig(plane.kubeconfigFor({ token: "wrong" })));
    await rejects(stranger.api(NAMESPACES).list({}, within(5_000)), { status: 401 });
    throws(() => plane.tokenOf("nobody"), /Cannot give a token of "nobody"/);
  });

  await test.step("is verified by its CA, under its address and under its name", async () => {
    using named = new KubeClient({ ...plane.config, tlsServerName: plane.serverName });
    ok((await named.api(NAMESPACES).list({}, within(5_000))).items.length > 0);
    using misnamed = new KubeClient({ ...plane.config, tlsServerName: "elsewhere.test" });
    await rejects(misnamed.api(NAMESPACES).list({}, within(5_000)), KubeError);
    using untrusting = new KubeClient({ ...plane.config, caData: undefined });
    await rejects(untrusting.api(NAMESPACES).list({}, within(5_000)), { status: 0 });
  });

  await test.step("runs the controllers that namespaces, owners and service accounts need", async () => {
    const namespaces = client.api(NAMESPACES);
    await namespaces.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } }, within(5_000));
    const owner = await eventually(
      "the root CA is published",
      () => configMaps.find({ namespace: "shop", name: "kube-root-ca.crt" }, within(5_000)),
    );
    await configMaps.create({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: {
        namespace: "shop",
        name: "owned",
        ownerReferences: [{
          apiVersion: "v1",
          kind: "ConfigMap",
          name: "someone",
          uid: "11111111-1111-1111-1111-111111111111",
        }],
      },
    }, within(5_000));
    await eventually(
      "an object without its owner is collected",
      async () => await configMaps.find({ namespace: "shop", name: "owned" }, within(5_000)) === undefined,
    );
    match(String((owner.data as Record<string, string>)["ca.crt"]), /BEGIN CERTIFICATE/);
    await namespaces.delete({ name: "shop" }, {}, within(5_000));
    await eventually(
      "the namespace is emptied and gone",
      async () => await namespaces.find({ name: "shop" }, within(5_000)) === undefined,
      { timeoutMs: 30_000 },
    );
  });

  await test.step("loses its API server and gets it back, with all that was written", async () => {
    await plane.stopApiServer();
    await rejects(configMaps.get({ namespace: "default", name: "note" }, within(5_000)), { status: 0 });
    await plane.startApiServer(within(60_000));
    deepEqual((await configMaps.get({ namespace: "default", name: "note" }, within(5_000))).data, { a: "b" });
  });

  await test.step("leaves nothing behind", async () => {
    await plane[Symbol.asyncDispose]();
    equal(await exists(plane.kubeconfigPath), false);
    await rejects(client.api(NAMESPACES).list({}, within(5_000)), { status: 0 });
    deepEqual(lines.filter((line) => line.includes("ended with exit code")), []);
  });
});

Deno.test("a control plane whose program ends early says so with that program's last words", async () => {
  const broken = { ...binaries, kubeApiServer: [...binaries.kubeApiServer, "--no-such-flag"] };
  const before = await leftovers();
  await rejects(
    ControlPlane.start({ name: "broken", binaries: broken }, within(60_000)),
    /Cannot start broken: kube-apiserver ended with exit code 1.*unknown flag: --no-such-flag/s,
  );
  deepEqual(await leftovers(), before);
});

Deno.test("a control plane that is not ready in time says what is missing", async () => {
  const silent = { ...binaries, kubeApiServer: ["sh", "-c", "exec sleep 100"] };
  const start = ControlPlane.start({ name: "silent", binaries: silent, timeoutMs: 300 }, within(60_000));
  await rejects(start, /Cannot start silent: etcd and kube-apiserver not ready within 0.3 s/);
});

Deno.test("a control plane can be given up while it starts", async () => {
  const before = await leftovers();
  const stop = new AbortController();
  const start = ControlPlane.start({ name: "stopped", binaries }, stop.signal);
  setTimeout(() => stop.abort(new Error("changed my mind")), 500);
  await rejects(start, /changed my mind/);
  deepEqual(await leftovers(), before);
});

/** Directories of control planes of this process. */
async function leftovers(): Promise<string[]> {
  const root = (await Deno.makeTempFile({ prefix: "where" })).replace(/\/where[^/]*$/, "");
  const names = await Array.fromAsync(Deno.readDir(root), ({ name }) => name);
  return names.filter((name) => name.startsWith(`klutch-${Deno.pid}-`)).toSorted();
}
