import assert, { deepEqual, equal, throws } from "node:assert/strict";
import { UsageError } from "../program.ts";
import { type BackendFlags, type BackendOptions, readBackendOptions } from "./options.ts";

const KEY_32 = btoa("k".repeat(32));

const DEFAULTS: BackendFlags = {
  namespacePrefix: "cluster",
  prettyName: "Example Backend",
  consumerScope: "Namespaced",
  clusterScopedIsolation: "Prefixed",
  healthAddress: ":8081",
  loginRate: "300",
  appClustersPerUser: "500",
  tokenLifetime: "168h",
  listenAddress: "127.0.0.1:8080",
};
const WITH_ISSUER: BackendFlags = {
  ...DEFAULTS,
  oidcIssuerUrl: "https://sso.example.com/realms/a",
  oidcIssuerClientId: "klutch",
  oidcIssuerClientSecret: "s3cret",
  oidcCallbackUrl: "https://klutch.example.com/callback",
  cookieSigningKey: KEY_32,
};
const read = (flags: Partial<BackendFlags> = {}, base = WITH_ISSUER) => readBackendOptions({ ...base, ...flags }, {});

Deno.test("readBackendOptions() takes the flags of the original", () => {
  const options = read({
    consumerScope: "cluster",
    clusterScopedIsolation: "none",
    externalAddress: "https://api.example.com:6443/",
    allowedRedirectOrigin: ["https://console.example.com"],
    cookieEncryptionKey: btoa("e".repeat(24)),
  });
  equal(options.consumerScope, "Cluster");
  equal(options.clusterScopedIsolation, "None");
  equal(options.external.address, "https://api.example.com:6443");
  deepEqual(options.redirectOrigins, ["https://console.example.com"]);
  equal(options.cookieKeys?.encryption?.length, 24);
  deepEqual(options.oidc, {
    issuerUrl: "https://sso.example.com/realms/a",
    clientId: "klutch",
    clientSecret: "s3cret",
    callbackUrl: "https://klutch.example.com/callback",
    caFile: undefined,
    scopes: undefined,
    groupsClaim: undefined,
    tokens: { cliClientId: undefined, audiences: [], otherIssuers: [], programs: [] },
  });
});

Deno.test("readBackendOptions() takes secrets from variables, which nobody sees in the list of processes", () => {
  const { oidcIssuerClientSecret: _, cookieSigningKey: __, ...flags } = WITH_ISSUER;
  const env = {
    KLUTCH_OIDC_CLIENT_SECRET: "of a variable",
    KLUTCH_COOKIE_SIGNING_KEY: KEY_32,
    KLUTCH_COOKIE_ENCRYPTION_KEY: btoa("e".repeat(24)),
  };
  const secretOf = ({ oidc }: BackendOptions) => oidc !== "embedded" && oidc?.clientSecret;
  const options = readBackendOptions(flags, env);
  equal(secretOf(options), "of a variable");
  equal(options.cookieKeys?.encryption?.length, 24);
  equal(secretOf(readBackendOptions(WITH_ISSUER, env)), "s3cret");
  throws(
    () => readBackendOptions(flags, { ...env, KLUTCH_OIDC_CLIENT_SECRET: "" }),
    /client-secret' must not be empty/,
  );
});

Deno.test("readBackendOptions() reads who may log in by token, and wants programs of other issuers to be named", () => {
  const flags = {
    oidcCliClientId: "klutch-cli",
    oidcTokenAudiences: "https://klutch.example.com",
    oidcTokenIssuers: "https://ci.example.com",
    oidcAllowedPrograms: "https://ci.example.com/repo:acme/*",
  };
  const { oidc } = read(flags);
  assert(oidc !== "embedded");
  deepEqual(oidc?.tokens, {
    cliClientId: "klutch-cli",
    audiences: ["https://klutch.example.com"],
    otherIssuers: ["https://ci.example.com"],
    programs: ["https://ci.example.com/repo:acme/*"],
  });
  for (const missing of [{ oidcTokenAudiences: undefined }, { oidcAllowedPrograms: undefined }]) {
    throws(() => read({ ...flags, ...missing }), { message: /'--oidc-token-issuers' needs/ });
  }
  throws(() => read({ ...flags, oidcTokenIssuers: "ci.example.com" }), UsageError);
});

Deno.test("readBackendOptions() reads who may log in, and how the issuer says so", () => {
  const { oidc, admission } = read({
    oidcScopes: "openid,groups",
    oidcGroupsClaim: "roles",
    oidcAllowedGroups: "dev, ops",
    oidcAllowedUsers: "jane@example.com",
    oidcIssuerClientSecret: undefined,
  });
  deepEqual(admission, { groups: ["dev", "ops"], users: ["jane@example.com"] });
  assert(oidc !== "embedded");
  deepEqual([oidc?.scopes, oidc?.groupsClaim], [["openid", "groups"], "roles"]);
  equal(oidc?.clientSecret, undefined, "a public client");
});

Deno.test("readBackendOptions() serves command lines of old, unless told otherwise", () => {
  equal(read().legacyCallback, true);
  equal(read({ legacyCallback: false }).legacyCallback, false);
});

Deno.test("readBackendOptions() lets the deprecated --listen-ip win over --listen-address", () => {
  deepEqual(read({ listenIp: "::1", listenPort: "9000" }).listen, { host: "::1", port: 9000 });
  deepEqual(read({ listenPort: "9000" }).listen, { host: "127.0.0.1", port: 8080 });
});

Deno.test("readBackendOptions() elects a leader where there may be several replicas", () => {
  const leaseOf = (flags: Partial<BackendFlags>, env = {}) =>
    readBackendOptions({ ...WITH_ISSUER, ...flags }, env).lease;
  const pod = { POD_NAME: "klutch-1", POD_NAMESPACE: "klutch" };
  deepEqual(leaseOf({}, pod), { namespace: "klutch", name: "klutch-backend", identity: "klutch-1" });
  equal(leaseOf({})?.namespace, "kube-system");
  equal(leaseOf({ leaseNamespace: "here" }, pod)?.namespace, "here");
  equal(leaseOf({ leaderElect: "false" }, pod), undefined);
  equal(readBackendOptions({ ...DEFAULTS, oidcEmbedded: true }, pod).lease, undefined);
});

Deno.test("readBackendOptions() needs nothing else with the embedded issuer", () => {
  const options = read({ oidcEmbedded: true }, DEFAULTS);
  equal(options.oidc, "embedded");
  equal(options.cookieKeys, undefined);
});

Deno.test("readBackendOptions() needs no login in control-plane mode, but all of one that is given", () => {
  const { oidc, controlPlaneMode } = read({ controlPlaneMode: true, konnectorImage: "konnector:v1" }, DEFAULTS);
  equal(oidc, undefined);
  deepEqual(controlPlaneMode, { konnectorImage: "konnector:v1" });
  equal(read({ controlPlaneMode: true, oidcEmbedded: true }, DEFAULTS).oidc, "embedded");
  throws(
    () => read({ controlPlaneMode: true, oidcIssuerUrl: "https://sso.example.com" }, DEFAULTS),
    /missing '--oidc-issuer-client-id'/,
  );
  equal(read().controlPlaneMode, undefined);
});

const mistakes: [name: string, flags: Partial<BackendFlags>, message: RegExp][] = [
  ["a missing issuer", { oidcIssuerUrl: "" }, /missing '--oidc-issuer-url'/],
  ["an empty client secret", { oidcIssuerClientSecret: "" }, /'--oidc-issuer-client-secret' must not be empty/],
  ["scopes that yield no ID token", { oidcScopes: "profile" }, /'--oidc-scopes': openid has to be among them/],
  ["a missing signing key", { cookieSigningKey: undefined }, /missing '--cookie-signing-key'/],
  ["a signing key of the wrong size", { cookieSigningKey: btoa("short") }, /signing key has 5 bytes/],
  ["an encryption key of the wrong size", { cookieEncryptionKey: KEY_32.slice(0, 8) }, /encryption key has 6 bytes/],
  ["an unknown scope", { consumerScope: "galaxy" }, /'--consumer-scope': it is one of Namespaced, Cluster/],
  ["an unknown isolation", { clusterScopedIsolation: "maybe" }, /'--cluster-scoped-isolation'/],
  ["an empty prefix", { namespacePrefix: "" }, /'--namespace-prefix'/],
  ["a prefix that no namespace can have", { namespacePrefix: "Cluster_1" }, /'--namespace-prefix'/],
  ["a prefix that leaves no room", { namespacePrefix: "c".repeat(31) }, /1 to 30/],
  ["an empty name", { prettyName: " " }, /'--pretty-name' must not be empty/],
  ["an external address without TLS", { externalAddress: "http://api:6443" }, /has to start with https/],
  ["a malformed listen address", { listenAddress: "8080" }, /'--listen-address'/],
  ["a malformed health address", { healthAddress: "x:y" }, /'--health-address'/],
  ["a certificate without key", { tlsCertFile: "/tls.crt" }, /go together/],
  ["a callback that we do not serve", { oidcCallbackUrl: "https://k.example.com/cb" }, /be \/callback/],
  [
    "a callback below a path, from which each of our links leads away",
    { oidcCallbackUrl: "https://k.example.com/klutch/callback" },
    /be \/callback.*host of their own/,
  ],
  ["a callback that is no URL", { oidcCallbackUrl: "k.example.com" }, /'--oidc-callback-url'/],
  [
    "an authorize URL with query",
    { oidcAuthorizeUrl: "https://k.example.com/authorize?x=1" },
    /'--oidc-authorize-url'/,
  ],
  ["a redirect origin without TLS", { allowedRedirectOrigin: ["http://example.com"] }, /an https URL/],
  ["a redirect origin with a path", { allowedRedirectOrigin: ["https://example.com/a"] }, /an https URL/],
  ["two issuers", { oidcEmbedded: true }, /'--oidc-embedded' excludes '--oidc-issuer-url'/],
  [
    "an empty konnector image",
    { controlPlaneMode: true, konnectorImage: " " },
    /'--konnector-image' must not be empty/,
  ],
  ["a rate that is none", { loginRate: "-1" }, /'--login-rate'.*0 for no limit/],
  [
    "a number of app clusters that is none",
    { appClustersPerUser: "many" },
    /'--app-clusters-per-user'.*0 for no limit/,
  ],
  ["a proxy that is none", { trustedProxy: ["10.0.0.0/8", "ingress"] }, /'ingress' for '--trusted-proxy'.*10.0.0.0\/8/],
  ["a credential that is gone in a moment", { tokenLifetime: "599s" }, /'--token-lifetime'.*10m to 8760h/],
  ["a credential for ever", { tokenLifetime: "8761h" }, /'--token-lifetime'/],
  ["a lifetime that is no duration", { tokenLifetime: "7 days" }, /'--token-lifetime'/],
];
for (const [name, flags, message] of mistakes) {
  Deno.test(`readBackendOptions() refuses ${name}`, () => {
    throws(() => read(flags), (error) => error instanceof UsageError && message.test(error.message));
  });
}

Deno.test("readBackendOptions() keeps the embedded issuer off the network", () => {
  for (const listenAddress of [":8080", "0.0.0.0:8080", "192.168.1.2:8080", "[::]:8080"]) {
    throws(() => read({ oidcEmbedded: true, listenAddress }, DEFAULTS), /on loopback/);
  }
  for (const listenAddress of ["localhost:1", "127.0.0.1:0", "[::1]:8080"]) {
    equal(read({ oidcEmbedded: true, listenAddress }, DEFAULTS).oidc, "embedded");
  }
});
