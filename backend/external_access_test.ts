import { deepEqual, rejects } from "node:assert/strict";
import { ConfigError } from "../kube/errors.ts";
import { type ClusterConfig, staticConfig } from "../kube/kubeconfig.ts";
import { createLog } from "../kube/log.ts";
import { TaskGroup } from "../kube/tasks.ts";
import { createTestAuthority } from "../playground/certificates.ts";
import { eventually } from "../tests/clusters.ts";
import { FakeClock } from "../tests/fake_clock.ts";
import { MountedSecret } from "../tests/mounted_secret.ts";
import { fail } from "./contract_fixture.ts";
import { type BackendOptions } from "./options.ts";
import { followAuthority, readExternalAccess } from "./external_access.ts";
import type { ExternalAccess } from "./tenant_kubeconfig.ts";

const own: ClusterConfig = {
  ...staticConfig({ server: "https://10.0.0.1:443", tlsServerName: "kubernetes" }),
  caData: "OUR CA",
};

const cases: [name: string, external: BackendOptions["external"], want: ExternalAccess][] = [
  ["is our own way to the cluster", {}, {
    server: "https://10.0.0.1:443",
    caData: "OUR CA",
    tlsServerName: "kubernetes",
  }],
  [
    "has our CA but not our server name at another address",
    { address: "https://api.example.com" },
    { server: "https://api.example.com", caData: "OUR CA", tlsServerName: undefined },
  ],
  [
    "has the configured server name",
    { address: "https://api.example.com", tlsServerName: "api" },
    { server: "https://api.example.com", caData: "OUR CA", tlsServerName: "api" },
  ],
];
for (const [name, external, want] of cases) {
  Deno.test(`readExternalAccess() ${name}`, async () => deepEqual(await readExternalAccess(external, own), want));
}

Deno.test("readExternalAccess() names what is wrong with address and CA file", async () => {
  await rejects(readExternalAccess({}, staticConfig({ server: "http://127.0.0.1:8001" })), (error) => {
    return error instanceof ConfigError && /--external-address/.test(error.message);
  });
  const file = import.meta.filename!;
  await rejects(readExternalAccess({ caFile: file }, own), /--external-ca-file.*not PEM/);
  await rejects(readExternalAccess({ caFile: `${file}.missing` }, own), /Cannot read .*--external-ca-file/);
});

Deno.test("A CA that is rotated is in the next kubeconfig, and one that is none changes nothing", async () => {
  const [first, second] = [await createTestAuthority("first"), await createTestAuthority("second")];
  await using secret = await MountedSecret.mount({ "ca.crt": first.certificate });
  const path = secret.path("ca.crt");
  const external = await readExternalAccess({ caFile: path }, own);
  const lines: string[] = [];
  const log = createLog({ format: "json", level: "info", write: (line) => lines.push(JSON.parse(line).msg) });
  const clock = new FakeClock("2026-06-01T12:00:00Z");
  const renew = (caData: string) => external.caData = caData;
  await using tasks = new TaskGroup(fail, new AbortController().signal);
  followAuthority({ path, flag: "--external-ca-file", current: external.caData, renew, log, clock }, tasks);
  const contents = [first.certificate, "-----BEGIN CERT", second.certificate];
  const trusted = [];
  for (const content of contents) {
    await secret.update({ "ca.crt": content });
    await clock.advance(10_000);
    await eventually("the file has been read", () => clock.pending === 1);
    trusted.push(external.caData);
  }
  deepEqual(trusted, [first.certificate, first.certificate, second.certificate]);
  deepEqual(lines, ["cannot renew a CA, so the one before stays", "CA renewed"]);
});
