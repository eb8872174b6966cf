import assert from "node:assert/strict";
import fc from "fast-check";
import { stringify } from "yaml";
import { createTestAuthority } from "../playground/certificates.ts";
import { ConfigError } from "./errors.ts";
import { parseReceivedKubeconfig } from "./received_kubeconfig.ts";

const authority = await createTestAuthority("test CA");
const client = await authority.issueClient("tenant");
const stranger = await authority.issueClient("stranger");
const TOKEN = "secret-token-4711";

interface Parts {
  cluster?: Record<string, unknown>;
  user?: Record<string, unknown>;
  context?: Record<string, unknown>;
  root?: Record<string, unknown>;
}

const SERVER = { server: "https://10.1.2.3:6443" };

/** A kubeconfig as backends hand it out, with other parts put in. */
const kubeconfig = ({ cluster = SERVER, user = { token: TOKEN }, context = {}, root = {} }: Parts = {}) => ({
  apiVersion: "v1",
  kind: "Config",
  clusters: [{ name: "default-cluster", cluster }],
  users: [{ name: "default", user }],
  contexts: [{
    name: "default",
    context: { cluster: "default-cluster", user: "default", namespace: "kube-bind-x7k2p", ...context },
  }],
  "current-context": "default",
  ...root,
});

const never = new AbortController().signal;

function refused(text: string, reason: RegExp): void {
  assert.throws(() => parseReceivedKubeconfig(text), (error) => {
    assert.ok(error instanceof ConfigError, String(error));
    assert.match(error.message, reason);
    assert.ok(!`${error.message} ${error.cause}`.includes(TOKEN));
    return true;
  });
}

Deno.test("a kubeconfig with a token, CA data, namespace and tls-server-name is taken as it is", async () => {
  const cluster = {
    server: "https://10.1.2.3:6443/",
    "certificate-authority-data": btoa(authority.certificate),
    "tls-server-name": "api.provider.example",
  };
  const { credentials, ...config } = parseReceivedKubeconfig(stringify(kubeconfig({ cluster })));
  assert.deepEqual(config, {
    server: "https://10.1.2.3:6443",
    caData: authority.certificate,
    tlsServerName: "api.provider.example",
    namespace: "kube-bind-x7k2p",
  });
  assert.deepEqual(await credentials(false, never), {
    headers: { authorization: `Bearer ${TOKEN}` },
    clientCertificate: undefined,
  });
});

Deno.test("a kubeconfig with a client certificate is taken, also as JSON", async () => {
  const user = {
    "client-certificate-data": btoa(client.certificate),
    "client-key-data": btoa(client.key),
  };
  const { credentials } = parseReceivedKubeconfig(JSON.stringify(kubeconfig({ user })));
  assert.deepEqual(await credentials(true, never), { headers: {}, clientCertificate: client });
});

Deno.test("contexts that are not current may hold whatever they like", () => {
  const root = kubeconfig() as Record<string, unknown>;
  (root.users as unknown[]).push({ name: "other", user: { exec: { command: "/bin/false" } } });
  assert.equal(parseReceivedKubeconfig(stringify(root)).server, SERVER.server);
});

const withUser = (user: Record<string, unknown>) => stringify(kubeconfig({ user: { token: TOKEN, ...user } }));
const withCluster = (cluster: Record<string, unknown>) => stringify(kubeconfig({ cluster: { ...SERVER, ...cluster } }));
const withContext = (context: Record<string, unknown>) => stringify(kubeconfig({ context }));

const hostile: [name: string, text: string, reason: RegExp][] = [
  ["a plugin to run", withUser({ exec: { command: "/bin/sh", args: ["-c", "id"] } }), /field "exec" is not allowed/],
  ["an empty plugin", withUser({ exec: null }), /field "exec" is not allowed/],
  ["an auth-provider", withUser({ "auth-provider": { name: "gcp" } }), /field "auth-provider" is not allowed/],
  ["a token from a file", withUser({ tokenFile: "/etc/passwd" }), /field "tokenFile" is not allowed/],
  ["a certificate from a file", withUser({ "client-certificate": "/etc/x" }), /"client-certificate" is not allowed/],
  ["a key from a file", withUser({ "client-key": "/home/me/.ssh/id_rsa" }), /"client-key" is not allowed/],
  ["a user name and password", withUser({ username: "admin", password: TOKEN }), /field "username" is not allowed/],
  ["impersonation", withUser({ as: "system:admin" }), /field "as" is not allowed/],
  ["a CA from a file", withCluster({ "certificate-authority": "/etc/ca" }), /"certificate-authority" is not allowed/],
  ["a proxy", withCluster({ "proxy-url": "http://evil.example" }), /field "proxy-url" is not allowed/],
  [
    "no verification",
    withCluster({ "insecure-skip-tls-verify": true }),
    /field "insecure-skip-tls-verify" is not allowed/,
  ],
  ["extensions", withCluster({ extensions: [] }), /field "extensions" is not allowed/],
  ["a server without TLS", withCluster({ server: "http://10.1.2.3:8080" }), /does not start with https/],
  ["a server that is a file", withCluster({ server: "file:///etc/passwd" }), /does not start with https/],
  ["a server that is no URL", withCluster({ server: "https://" }), /is not a URL/],
  ["a password in the server's URL", withCluster({ server: `https://me:${TOKEN}@host` }), /nothing but host, port/],
  ["a query in the server's URL", withCluster({ server: "https://host/?a=b" }), /nothing but host, port/],
  ["a server that is a list", withCluster({ server: ["https://host"] }), /"server" is not a string/],
  ["a CA that is not base64", withCluster({ "certificate-authority-data": "%%%" }), /is not base64/],
  ["a CA that is not PEM", withCluster({ "certificate-authority-data": btoa("hello") }), /is not PEM/],
  [
    "a CA that is no certificate",
    withCluster({ "certificate-authority-data": btoa("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----") }),
    /certificate authority holds something else/,
  ],
  ["a TLS name that is a path", withCluster({ "tls-server-name": "a/../b" }), /is not a host name/],
  ["a TLS name with a port", withCluster({ "tls-server-name": "a:80" }), /is not a host name/],
  ["a line break in the token", withUser({ token: `${TOKEN}\r\nX-Evil: 1` }), /"token" contains control characters/],
  ["a NUL in the token", withUser({ token: `${TOKEN}\0` }), /"token" contains control characters/],
  ["letters in the token no header carries", withUser({ token: `${TOKEN}ł` }), /no HTTP header can carry/],
  ["a number for a token", withUser({ token: 12345 }), /"token" is not a string/],
  ["an object for a token", withUser({ token: { $ref: TOKEN } }), /"token" is not a string/],
  ["a namespace that climbs", withContext({ namespace: ".." }), /namespace is not a DNS label/],
  ["a namespace with a slash", withContext({ namespace: "a/secrets" }), /namespace is not a DNS label/],
  ["no credentials", stringify(kubeconfig({ user: {} })), /neither a token nor a client certificate/],
  ["a certificate without key", withUser({ "client-certificate-data": btoa(client.certificate) }), /needs both/],
  [
    "the key of another certificate",
    withUser({ "client-certificate-data": btoa(client.certificate), "client-key-data": btoa(stranger.key) }),
    /belongs to another client certificate/,
  ],
  ["no server", stringify(kubeconfig({ cluster: {} })), /has no server/],
  ["no current context", stringify(kubeconfig({ root: { "current-context": "" } })), /no current-context/],
  ["a context that is missing", stringify(kubeconfig({ root: { "current-context": "x" } })), /context "x".*is missing/],
  ["a cluster that is missing", withContext({ cluster: "x" }), /cluster "x".*is missing/],
  ["a user that is missing", withContext({ user: "x" }), /user "x".*is missing/],
  ["lists that are none", stringify(kubeconfig({ root: { users: { default: {} } } })), /user "default".*is missing/],
  ["nothing", "", /not a YAML mapping/],
  ["a text", "hello", /not a YAML mapping/],
  ["a list", "[1, 2]", /not a YAML mapping/],
  ["broken YAML", `{${stringify(kubeconfig())}`, /not YAML/],
  ["YAML that is broken after a good beginning", `${stringify(kubeconfig())}\n  x: [${TOKEN}`, /not YAML/],
  ["two documents", `${stringify(kubeconfig())}---\n${stringify(kubeconfig())}`, /not YAML/],
  ["the same field twice", `${stringify(kubeconfig())}current-context: other\n`, /not YAML/],
  ["an alias", stringify(kubeconfig()).replace("apiVersion: v1", "apiVersion: &a v1\nx: *a"), /not YAML/],
  ["a bomb of aliases", bomb(), /not YAML/],
  ["a deep nest", "[".repeat(200_000), /not YAML/],
  ["too much text", " ".repeat(300_000), /longer than 262144 characters/],
];

for (const [name, text, reason] of hostile) {
  Deno.test(`a received kubeconfig is refused and not quoted: ${name}`, () => {
    const start = performance.now();
    refused(text, reason);
    assert.ok(performance.now() - start < 5000, "it took too long");
  });
}

Deno.test("names chosen by somebody else are shortened in messages", () => {
  const long = "x".repeat(10_000);
  assert.throws(
    () => parseReceivedKubeconfig(stringify(kubeconfig({ root: { "current-context": long } }))),
    (error) => error instanceof ConfigError && error.message.length < 400,
  );
});

Deno.test("garbage of any kind throws a ConfigError that does not show the token, or nothing", () => {
  const anything = fc.oneof(
    fc.constant(undefined),
    fc.anything({ withBigInt: false, withDate: true, maxDepth: 2 }),
    fc.string({ unit: "binary" }),
  );
  const fields = fc.constantFrom(
    ...["server", "certificate-authority-data", "tls-server-name", "token", "client-certificate-data"],
    ...["client-key-data", "cluster", "user", "namespace", "exec", "proxy-url", "__proto__", "constructor"],
  );
  const part = fc.dictionary(fields, anything, { maxKeys: 3 });
  const mutation = fc.record({ cluster: part, user: part, context: part }, { requiredKeys: [] });
  const check = (text: string) => {
    try {
      parseReceivedKubeconfig(text);
    } catch (error) {
      assert.ok(error instanceof ConfigError, `${error} for ${text}`);
      assert.ok(!`${error.message} ${error.cause} ${error.stack}`.includes(TOKEN));
    }
  };
  fc.assert(
    fc.property(mutation, fc.boolean(), ({ cluster, user, context }, keepToken) => {
      const parts = kubeconfig({
        cluster: { ...SERVER, ...cluster },
        user: { ...user, ...(keepToken && { token: TOKEN }) },
        context,
      });
      let text: string;
      try {
        text = stringify(parts);
      } catch {
        return; // not everything can be written
      }
      check(text);
    }),
    { numRuns: 2000 },
  );
  // The same text with pieces cut out, doubled and swapped.
  const whole = stringify(kubeconfig());
  const edit = fc.tuple(
    fc.nat(whole.length),
    fc.nat(30),
    fc.oneof(fc.string(), fc.constantFrom("\n", "  ", "*", ": ", "{", "- ")),
  );
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      check(edits.reduce((text, [at, length, put]) => text.slice(0, at) + put + text.slice(at + length), whole));
    }),
    { numRuns: 2000 },
  );
});

function bomb(): string {
  const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"];
  for (let level = 1; level < 10; level++) {
    lines.push(`a${level}: &a${level} [${Array(10).fill(`*a${level - 1}`).join(", ")}]`);
  }
  return lines.join("\n") + "\n" + stringify(kubeconfig());
}
