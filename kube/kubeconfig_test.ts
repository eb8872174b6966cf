import assert from "node:assert/strict";
import { join } from "node:path";
import { stringify } from "yaml";
import { createTestAuthority } from "../playground/certificates.ts";
import { ConfigError } from "./errors.ts";
import { loadKubeconfig } from "./kubeconfig.ts";

const authority = await createTestAuthority("test CA");
const client = await authority.issueClient("admin");
const stranger = await authority.issueClient("stranger");
const never = new AbortController().signal;

type Fields = Record<string, unknown>;

/** A kubeconfig of one context `name`, with a cluster and a user of the same name. */
const kubeconfig = (name: string, { cluster = {}, user = {}, context = {}, ...root }: Record<string, Fields> = {}) =>
  stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server: `https://${name}.example:6443`, ...cluster } }],
    users: [{ name, user: { token: `token-of-${name}`, ...user } }],
    contexts: [{ name, context: { cluster: name, user: name, ...context } }],
    "current-context": name,
    ...root,
  }, { keepUndefined: false });

/** A directory of files that goes with the test. */
async function files(contents: Record<string, string>): Promise<AsyncDisposable & { path: (name: string) => string }> {
  const directory = await Deno.makeTempDir();
  for (const [name, text] of Object.entries(contents)) {
    await Deno.mkdir(join(directory, name, ".."), { recursive: true });
    await Deno.writeTextFile(join(directory, name), text);
  }
  return {
    path: (name) => join(directory, name),
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
}

const refuses = async (promise: Promise<unknown>, reason: RegExp) => {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof ConfigError, String(error));
    assert.match(error.message, reason);
    return true;
  });
};

Deno.test("an explicit file goes before $KUBECONFIG, that before the home directory, that before the pod", async () => {
  await using dir = await files({
    explicit: kubeconfig("explicit"),
    variable: kubeconfig("variable"),
    "home/.kube/config": kubeconfig("home"),
    "pod/token": "pod-token\n",
    "pod/ca.crt": authority.certificate,
    "pod/namespace": "klutch\n",
  });
  const env = {
    KUBECONFIG: dir.path("variable"),
    HOME: dir.path("home"),
    KUBERNETES_SERVICE_HOST: "10.0.0.1",
    KUBERNETES_SERVICE_PORT: "6443",
  };
  const serviceAccountDirectory = dir.path("pod");
  const serverOf = async (source: Partial<Parameters<typeof loadKubeconfig>[0]>) =>
    (await loadKubeconfig({ env, serviceAccountDirectory, ...source })).server;
  assert.equal(await serverOf({ path: dir.path("explicit") }), "https://explicit.example:6443");
  assert.equal(await serverOf({}), "https://variable.example:6443");
  assert.equal(await serverOf({ env: { ...env, KUBECONFIG: "" } }), "https://home.example:6443");
  assert.equal(await serverOf({ env: { ...env, KUBECONFIG: undefined, HOME: "/nowhere" } }), "https://10.0.0.1:6443");
});

Deno.test("in a pod, its service account's CA, token and namespace are used", async () => {
  await using dir = await files({ token: "pod-token\n", "ca.crt": authority.certificate, namespace: "klutch\n" });
  const env = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "443" };
  const { credentials, ...config } = await loadKubeconfig({ env, serviceAccountDirectory: dir.path("") });
  assert.deepEqual(config, { server: "https://[fd00::1]", caData: authority.certificate, namespace: "klutch" });
  assert.equal((await credentials(false, never)).headers.authorization, "Bearer pod-token");
});

Deno.test("in a pod without service account, the missing file is named", async () => {
  await using dir = await files({});
  const env = { KUBERNETES_SERVICE_HOST: "10.0.0.1" };
  await refuses(loadKubeconfig({ env, serviceAccountDirectory: dir.path("") }), /ca\.crt" cannot be read/);
});

Deno.test("nothing to be found says what to do", async () => {
  await refuses(loadKubeconfig({ env: { HOME: "/nowhere" } }), /pass --kubeconfig, set KUBECONFIG, or create/);
});

Deno.test("several files are merged: the first one to define a name wins, missing ones are skipped", async () => {
  await using dir = await files({
    one: kubeconfig("shared", { cluster: { server: "https://one.example" } }),
    two: kubeconfig("shared", { cluster: { server: "https://two.example" } }),
    three: kubeconfig("third", { context: { namespace: "three" } }),
    empty: "",
  });
  const KUBECONFIG = ["missing", "empty", "one", "two", "three"].map(dir.path).join(":");
  assert.equal((await loadKubeconfig({ env: { KUBECONFIG } })).server, "https://one.example");
  const third = await loadKubeconfig({ env: { KUBECONFIG }, context: "third" });
  assert.equal(third.server, "https://third.example:6443");
  assert.equal(third.namespace, "three");
});

Deno.test("a user can be chosen apart from the context", async () => {
  await using dir = await files({ one: kubeconfig("one"), two: kubeconfig("two") });
  const env = { KUBECONFIG: `${dir.path("one")}:${dir.path("two")}` };
  const config = await loadKubeconfig({ env, user: "two" });
  assert.equal(config.server, "https://one.example:6443");
  assert.equal((await config.credentials(false, never)).headers.authorization, "Bearer token-of-two");
  await refuses(loadKubeconfig({ env, user: "three" }), /user "three" does not exist \(it has: one, two\)/);
});

Deno.test("a context may name no user: then requests are anonymous", async () => {
  await using dir = await files({ config: kubeconfig("one", { context: { user: "" } as Fields }) });
  const config = await loadKubeconfig({ path: dir.path("config"), env: {} });
  assert.deepEqual(await config.credentials(false, never), { headers: {}, clientCertificate: undefined });
});

Deno.test("none of several files existing is an error that lists them", async () => {
  const env = { KUBECONFIG: "/nowhere/a:/nowhere/b" };
  await refuses(loadKubeconfig({ env }), /none of \/nowhere\/a, \/nowhere\/b exists/);
});

Deno.test("paths count from the file they stand in", async () => {
  await using dir = await files({
    "a/config": kubeconfig("a", {
      cluster: { "certificate-authority": "pki/ca.crt" },
      user: { "client-certificate": "../pki/client.crt", "client-key": "../pki/client.key" },
    }),
    "a/pki/ca.crt": authority.certificate,
    "pki/client.crt": client.certificate,
    "pki/client.key": client.key,
    "b/config": kubeconfig("b", { user: { token: undefined, tokenFile: "token" } as Fields }),
    "b/token": "token-in-b",
  });
  const env = { KUBECONFIG: `${dir.path("a/config")}:${dir.path("b/config")}` };
  const a = await loadKubeconfig({ env });
  assert.equal(a.caData, authority.certificate);
  assert.deepEqual((await a.credentials(false, never)).clientCertificate, client);
  const b = await loadKubeconfig({ env, context: "b" });
  assert.equal((await b.credentials(false, never)).headers.authorization, "Bearer token-in-b");
});

Deno.test("data inside the kubeconfig goes before files", async () => {
  await using dir = await files({
    config: kubeconfig("one", {
      cluster: { "certificate-authority": "/nowhere", "certificate-authority-data": btoa(authority.certificate) },
      user: {
        "client-certificate": "/nowhere",
        "client-certificate-data": btoa(client.certificate),
        "client-key": "/nowhere",
        "client-key-data": btoa(client.key),
      },
    }),
  });
  const config = await loadKubeconfig({ path: dir.path("config"), env: {} });
  assert.equal(config.caData, authority.certificate);
  assert.deepEqual((await config.credentials(false, never)).clientCertificate, client);
});

Deno.test("tls-server-name, proxy and namespace come through", async () => {
  await using dir = await files({
    config: kubeconfig("one", {
      cluster: { "tls-server-name": "api.example", "proxy-url": "http://proxy.example:3128" },
      context: { namespace: "team" },
    }),
  });
  const { credentials: _, ...config } = await loadKubeconfig({ path: dir.path("config"), env: {} });
  assert.deepEqual(config, {
    server: "https://one.example:6443",
    caData: undefined,
    tlsServerName: "api.example",
    proxyUrl: "http://proxy.example:3128",
    namespace: "team",
  });
});

const broken: [name: string, text: string, reason: RegExp][] = [
  ["broken YAML, by its line and without quoting it", "a: 1\nb: [secret\nc: }", /config": line \d is not YAML$/],
  ["an alias to nothing, without quoting it", "token: *secret", /aliases leads nowhere, or to too much$/],
  ["a list", "- a", /is not a YAML mapping/],
  [
    "no current context",
    kubeconfig("one", { "current-context": "" as unknown as Fields }),
    /no current context; choose/,
  ],
  ["an empty file", "", /no current context; choose/],
  [
    "an unknown context, with the known ones",
    kubeconfig("one", { "current-context": "other" as unknown as Fields }),
    /context "other" does not exist \(it has: one\)/,
  ],
  [
    "an unknown cluster",
    kubeconfig("one", { context: { cluster: "x" } }),
    /cluster "x" does not exist \(it has: one\)/,
  ],
  ["an unknown user", kubeconfig("one", { context: { user: "x" } }), /user "x" does not exist \(it has: one\)/],
  ["a context without cluster", kubeconfig("one", { context: { cluster: "" } as Fields }), /names no cluster/],
  ["no server", kubeconfig("one", { cluster: { server: "" } }), /cluster "one": it has no server/],
  ["a server that is no URL", kubeconfig("one", { cluster: { server: "localhost:8080" } }), /is not a URL that starts/],
  ["a number for a server", kubeconfig("one", { cluster: { server: 8080 } }), /"server" is not a string/],
  [
    "insecure-skip-tls-verify, with what to do instead",
    kubeconfig("one", { cluster: { "insecure-skip-tls-verify": true } }),
    /insecure-skip-tls-verify is not supported; put the server's CA into certificate-authority-data/,
  ],
  [
    "a TLS name that is none",
    kubeconfig("one", { cluster: { "tls-server-name": "a/b" } }),
    /"a\/b" is not a host name/,
  ],
  [
    "a missing CA file",
    kubeconfig("one", { cluster: { "certificate-authority": "ca.crt" } }),
    /certificate-authority ".*\/ca\.crt" cannot be read/,
  ],
  [
    "CA data that is no base64",
    kubeconfig("one", { cluster: { "certificate-authority-data": "?" } }),
    /"certificate-authority-data" is not base64/,
  ],
];
for (const [name, text, reason] of broken) {
  Deno.test(`a kubeconfig is refused for ${name}`, async () => {
    await using dir = await files({ config: text });
    await refuses(loadKubeconfig({ path: dir.path("config"), env: {} }), reason);
  });
}

Deno.test("an explicit file that is missing, or a directory, is named", async () => {
  await using dir = await files({});
  await refuses(loadKubeconfig({ path: dir.path("missing"), env: {} }), /Cannot read kubeconfig ".*missing"/);
  await refuses(loadKubeconfig({ path: dir.path(""), env: {} }), /Cannot read kubeconfig/);
});

const badUsers: [name: string, user: Fields, reason: RegExp][] = [
  ["a missing token file", { tokenFile: "/nowhere" }, /user "one": tokenFile "\/nowhere" cannot be read/],
  ["a missing certificate file", { "client-certificate": "/nowhere" }, /client-certificate "\/nowhere" cannot be read/],
  ["a certificate without key", { "client-certificate-data": btoa(client.certificate) }, /needs both/],
  [
    "the key of another certificate",
    { "client-certificate-data": btoa(client.certificate), "client-key-data": btoa(stranger.key) },
    /user "one": the private key belongs to another client certificate/,
  ],
  ["a token with a line break", { token: "secret\nx: y" }, /"token" contains control characters$/],
  ["groups to impersonate", { as: "me", "as-groups": ["admins"] }, /"as-groups" is not supported/],
  ["an auth-provider of old", { "auth-provider": { name: "gcp" } }, /auth-provider "gcp" is not supported/],
  [
    "an id-token that has expired",
    { "auth-provider": { name: "oidc", config: { "id-token": idToken(-60) } } },
    /id-token .* has expired; run kubectl once to renew it/,
  ],
];
for (const [name, user, reason] of badUsers) {
  Deno.test(`credentials are refused for ${name}`, async () => {
    await using dir = await files({ config: kubeconfig("one", { user }) });
    const config = await loadKubeconfig({ path: dir.path("config"), env: {} });
    await refuses(config.credentials(false, never), reason);
  });
}

const goodUsers: [name: string, user: Fields, authorization: string, other?: Record<string, string>][] = [
  ["a token", { token: "abc" }, "Bearer abc"],
  ["a user name and password", { token: undefined, username: "jürgen", password: "x" }, "Basic asO8cmdlbjp4"],
  ["impersonation", { token: "abc", as: "jane" }, "Bearer abc", { "impersonate-user": "jane" }],
  ["an id-token", { "auth-provider": { name: "oidc", config: { "id-token": idToken(60) } } }, `Bearer ${idToken(60)}`],
];
for (const [name, user, authorization, other] of goodUsers) {
  Deno.test(`credentials can be ${name}`, async () => {
    await using dir = await files({ config: kubeconfig("one", { user }) });
    const config = await loadKubeconfig({ path: dir.path("config"), env: {} });
    assert.deepEqual((await config.credentials(false, never)).headers, { authorization, ...other });
  });
}

Deno.test("a token file is read again when the API server refuses what it held", async () => {
  await using dir = await files({ config: kubeconfig("one", { user: { tokenFile: "token" } }), token: "first" });
  const config = await loadKubeconfig({ path: dir.path("config"), env: {} });
  const bearer = async (renew: boolean) => (await config.credentials(renew, never)).headers.authorization;
  assert.equal(await bearer(false), "Bearer first");
  await Deno.writeTextFile(dir.path("token"), "second\n");
  assert.equal(await bearer(false), "Bearer first");
  await new Promise((resolve) => setTimeout(resolve, 1100));
  assert.equal(await bearer(true), "Bearer second");
});

function idToken(expiresInSeconds: number): string {
  const exp = Math.floor(Date.now() / 10_000) * 10 + expiresInSeconds;
  const part = (value: unknown) => btoa(JSON.stringify(value)).replaceAll("+", "-").replaceAll("/", "_");
  return [{ alg: "none" }, { exp, sub: "jane??>>" }, "signature"].map(part).join(".");
}
