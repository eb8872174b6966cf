import { deepEqual, equal, rejects } from "node:assert/strict";
import { ConfigError } from "../kube/errors.ts";
import { UsageError } from "../program.ts";
import { appClusterConfig, type AppClusterFlags } from "./app_cluster.ts";

const never = new AbortController().signal;

const KUBECONFIG = `
apiVersion: v1
kind: Config
clusters:
- {name: one, cluster: {server: "https://one.example"}}
- {name: two, cluster: {server: "https://two.example"}}
contexts:
- {name: first, context: {cluster: one, user: alice}}
- {name: second, context: {cluster: two, user: alice}}
users:
- {name: alice, user: {token: alices}}
- {name: bob, user: {token: bobs}}
current-context: first
`;

async function withKubeconfig(test: (path: string) => Promise<void>) {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, KUBECONFIG);
    await test(path);
  } finally {
    await Deno.remove(path);
  }
}

const cases: [name: string, flags: AppClusterFlags, want: Record<string, unknown>][] = [
  ["nothing", {}, { server: "https://one.example", headers: { authorization: "Bearer alices" } }],
  ["--context", { context: "second" }, { server: "https://two.example" }],
  ["--user", { user: "bob" }, { server: "https://one.example", headers: { authorization: "Bearer bobs" } }],
  ["--server", { server: "https://three.example/" }, { server: "https://three.example" }],
  ["--token", { token: "mine" }, { headers: { authorization: "Bearer mine" } }],
  ["--username", { username: "me", password: "pw" }, { headers: { authorization: `Basic ${btoa("me:pw")}` } }],
  ["--username beyond ASCII", { username: "ü", password: "€uro" }, {
    headers: { authorization: "Basic w7w64oKsdXJv" },
  }],
  ["--as-uid", { asUid: "7" }, { headers: { authorization: "Bearer alices", "impersonate-uid": "7" } }],
  ["--tls-server-name", { tlsServerName: "inside" }, { tlsServerName: "inside" }],
  ["--proxy-url", { proxyUrl: "http://proxy.example" }, { proxyUrl: "http://proxy.example" }],
];
for (const [name, flags, want] of cases) {
  Deno.test(`appClusterConfig() honours ${name}`, () =>
    withKubeconfig(async (path) => {
      const { credentials, ...config } = await appClusterConfig({ kubeconfig: path, ...flags }, {});
      const { headers } = await credentials(false, never);
      const got: Record<string, unknown> = { ...config, headers };
      deepEqual(Object.fromEntries(Object.keys(want).map((key) => [key, got[key]])), want);
    }));
}

const refused: [name: string, flags: AppClusterFlags, why: RegExp, type: new () => Error][] = [
  ["an unknown context", { context: "third" }, /context "third" does not exist/, ConfigError],
  ["an unknown user", { user: "carol" }, /user "carol" does not exist \(it has: alice, bob\)/, ConfigError],
  ["a server that is no URL", { server: "three.example" }, /--server/, UsageError],
  ["a token with a line break", { token: "sekret\nabc" }, /^Cannot [^]*"--token" contains control char/, UsageError],
  ["a token beyond ASCII", { token: "sekr\u00e9t" }, /^Cannot [^]*"--token" contains char/, UsageError],
  ["a uid with a line break", { asUid: "7\r\nx: y" }, /^Cannot [^]*"--as-uid" contains control char/, UsageError],
  ["a TLS server name that is none", { tlsServerName: "a b" }, /tls-server-name "a b" is not a host name/, UsageError],
  ["a proxy that is none", { proxyUrl: "proxy.example" }, /"--proxy-url" is not the URL of a proxy/, UsageError],
  ["a CA that is none", { certificateAuthority: import.meta.filename! }, /is not PEM/, UsageError],
  ["a CA that is not there", { certificateAuthority: "/no/ca" }, /cannot read --certificate-authority/, UsageError],
  ["--insecure-skip-tls-verify", { insecureSkipTlsVerify: true }, /not supported/, UsageError],
];
for (const [name, flags, why, type] of refused) {
  Deno.test(`appClusterConfig() refuses ${name}`, () =>
    withKubeconfig((path) =>
      rejects(appClusterConfig({ kubeconfig: path, ...flags }, {}), (error: Error) => {
        equal(why.test(error.message), true, error.message);
        equal(error.message.includes("sekr"), false, error.message);
        return error instanceof type;
      })
    ));
}
