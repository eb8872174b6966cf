import { deepEqual, rejects } from "node:assert/strict";
import { ConfigError } from "../kube/errors.ts";
import { type ClusterConfig, staticConfig } from "../kube/kubeconfig.ts";
import { type BackendOptions } from "./options.ts";
import { readExternalAccess } from "./external_access.ts";
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
