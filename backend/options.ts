import { Command, Option } from "commander";
import { flagsOf } from "../command_line.ts";
import { examples } from "../help.ts";
import { type ListenAddress, parseListenAddress } from "../kube/address.ts";
import { parseGoDuration } from "../kube/duration.ts";
import { ConfigError } from "../kube/errors.ts";
import type { KubeconfigSource } from "../kube/kubeconfig.ts";
import { createLog } from "../kube/log.ts";
import { addLogFlags, readLogFlags } from "../log_flags.ts";
import { type CookieKeys, parseCookieKeys } from "../oidc/cookie_keys.ts";
import { OidcError } from "../oidc/errors.ts";
import { type ProgramContext, UsageError } from "../program.ts";

/** Where objects of app clusters may be watched: in mapped namespaces only, or on the whole provider. */
export type ConsumerScope = "Namespaced" | "Cluster";
/** How cluster-scoped objects of several app clusters are kept apart. */
export type Isolation = "Prefixed" | "Namespaced" | "None";

export interface OidcOptions {
  issuerUrl: string;
  clientId: string;
  clientSecret: string;
  /** Ends in `/callback`; what stands before it is our public address. */
  callbackUrl: string;
  /** PEM file of a private issuer's CA. */
  caFile?: string;
}

export interface BackendOptions {
  kubeconfig: KubeconfigSource;
  namespacePrefix: string;
  prettyName: string;
  consumerScope: ConsumerScope;
  clusterScopedIsolation: Isolation;
  /** How long a credential of an app cluster is valid; it is renewed at half that time. */
  tokenLifetimeMs: number;
  /** What kubeconfigs for app clusters say, where it differs from our own way to the API server. */
  external: { address?: string; caFile?: string; tlsServerName?: string };
  listen: ListenAddress;
  /** `host:port` of `/healthz`, `/readyz` and `/metrics`. */
  healthAddress: string;
  tls?: { certFile: string; keyFile: string };
  /** `embedded`: an issuer in this process, for demos and tests. */
  oidc: OidcOptions | "embedded";
  /** What `/export` advertises, if not the neighbour of the callback URL. */
  authorizeUrl?: string;
  /** Made up at start when absent, which the embedded issuer alone allows. */
  cookieKeys?: CookieKeys;
  /** Origins besides loopback that credentials may be handed to. */
  redirectOrigins: string[];
  /** `<resource>.<group>` that is bound without a click; for tests. */
  autoSelect?: string;
}

/** `klutch backend`: login, catalogue, contracts and exports on the control plane. */
export function backendCommand(context: ProgramContext): Command {
  const command = new Command("backend")
    .description(
      "Run the provider's front door on the control plane: users log in, choose an API, and their app cluster gets a " +
        "namespace, a kubeconfig with just the rights it needs, and the API's definition.",
    )
    .option("--kubeconfig <file>", "the control plane; otherwise $KUBECONFIG, ~/.kube/config or the pod's account")
    .option("--namespace-prefix <prefix>", "starts the names of app clusters' namespaces", "cluster")
    .option("--pretty-name <name>", "name of this provider, for people", "Example Backend")
    .option(
      "--consumer-scope <scope>",
      "Namespaced or Cluster: how far an app cluster's rights may reach",
      "Namespaced",
    )
    .option("--cluster-scoped-isolation <how>", "Prefixed, Namespaced or None, for cluster-scoped APIs", "Prefixed")
    .option("--health-address <host:port>", "serves /healthz, /readyz and /metrics", ":8081")
    .option("--control-plane-mode", "serve AppClusterBindings (not available yet)")
    .option("--external-address <url>", "API server's URL as app clusters reach it; otherwise as we do")
    .option("--external-ca-file <file>", "CA that app clusters verify that server with")
    .option("--external-server-name <name>", "name that app clusters verify that server against")
    .option(
      "--token-lifetime <duration>",
      "how long an app cluster's credential is valid, e.g. 168h; renewed at half that time",
      "168h",
    )
    .optionsGroup("Public listener:")
    .option("--listen-address <host:port>", "serves the pages and /export", "127.0.0.1:8080")
    .option("--tls-cert-file <file>", "certificate chain; serves HTTPS together with the key")
    .option("--tls-key-file <file>", "private key of the certificate")
    .option(
      "--allowed-redirect-origin <origin>",
      "hand credentials to this origin too, not only to loopback",
      (origin: string, others: string[] = []) => [...others, origin],
    )
    .optionsGroup("Login:")
    .option("--oidc-issuer-url <url>", "OpenID Connect issuer that users log in at")
    .option("--oidc-issuer-client-id <id>", "our client there")
    .option("--oidc-issuer-client-secret <secret>", "the client's secret")
    .option("--oidc-callback-url <url>", "our public URL that ends in /callback, as registered at the issuer")
    .option("--oidc-authorize-url <url>", "our public URL that ends in /authorize; otherwise next to the callback URL")
    .option("--oidc-ca-file <file>", "CA of a private issuer, trusted in addition to the system's")
    .option("--oidc-embedded", "start an issuer in this process that lets everybody in: for demos and tests only")
    .option("--cookie-signing-key <base64>", "32 or 64 bytes; the same on every replica")
    .option("--cookie-encryption-key <base64>", "16, 24 or 32 bytes, optional")
    .addOption(new Option("--listen-ip <ip>").hideHelp())
    .addOption(new Option("--listen-port <port>").hideHelp())
    .addOption(new Option("--testing-auto-select <resource.group>").hideHelp())
    .addHelpText(
      "after",
      "\n" + examples(
        ["Try it with the cluster of your current context", "klutch backend --oidc-embedded --log-format text"],
        [
          "Behind an ingress, with a real issuer",
          "klutch backend --listen-address :8080 --oidc-issuer-url https://sso.example.com \\\n" +
          "    --oidc-issuer-client-id klutch --oidc-issuer-client-secret $SECRET \\\n" +
          "    --oidc-callback-url https://klutch.example.com/callback --cookie-signing-key $KEY \\\n" +
          "    --external-address https://api.example.com:6443",
        ],
      ),
    );
  return addLogFlags(command).action(async () => {
    const options = readBackendOptions(flagsOf<BackendFlags>(command), context.env);
    const { runBackend } = await import("./run.ts");
    const log = createLog({ ...readLogFlags(command), write: (line) => context.writeError(`${line}\n`) });
    await runBackend(options, log, context.signal);
  });
}

/** The flags as commander hands them over. */
export interface BackendFlags {
  kubeconfig?: string;
  namespacePrefix: string;
  prettyName: string;
  consumerScope: string;
  clusterScopedIsolation: string;
  healthAddress: string;
  tokenLifetime: string;
  controlPlaneMode?: boolean;
  externalAddress?: string;
  externalCaFile?: string;
  externalServerName?: string;
  listenAddress: string;
  listenIp?: string;
  listenPort?: string;
  tlsCertFile?: string;
  tlsKeyFile?: string;
  allowedRedirectOrigin?: string[];
  oidcIssuerUrl?: string;
  oidcIssuerClientId?: string;
  oidcIssuerClientSecret?: string;
  oidcCallbackUrl?: string;
  oidcAuthorizeUrl?: string;
  oidcCaFile?: string;
  oidcEmbedded?: boolean;
  cookieSigningKey?: string;
  cookieEncryptionKey?: string;
  testingAutoSelect?: string;
}

/**
 * Checks all flags; nothing after it looks at them.
 *
 * @param env where a kubeconfig is looked for
 * @throws {UsageError} naming the flag and what it takes
 */
export function readBackendOptions(
  flags: BackendFlags,
  env: Readonly<Record<string, string | undefined>>,
): BackendOptions {
  if (flags.controlPlaneMode) {
    throw new UsageError("'--control-plane-mode' is not available yet in this version; run without it");
  }
  const listen = flags.listenIp
    ? readAddress(joinAddress(flags.listenIp, flags.listenPort ?? "8080"), "--listen-ip")
    : readAddress(flags.listenAddress, "--listen-address");
  readAddress(flags.healthAddress, "--health-address");
  if (!flags.tlsCertFile !== !flags.tlsKeyFile) {
    throw new UsageError("'--tls-cert-file' and '--tls-key-file' go together: give both or none");
  }
  const oidc = readOidc(flags, listen);
  return {
    kubeconfig: { path: flags.kubeconfig, env },
    namespacePrefix: readNamespacePrefix(flags.namespacePrefix),
    prettyName: notEmpty(flags.prettyName, "--pretty-name"),
    consumerScope: oneOf(["Namespaced", "Cluster"], flags.consumerScope, "--consumer-scope"),
    clusterScopedIsolation: oneOf(
      ["Prefixed", "Namespaced", "None"],
      flags.clusterScopedIsolation,
      "--cluster-scoped-isolation",
    ),
    tokenLifetimeMs: readTokenLifetime(flags.tokenLifetime),
    external: {
      address: flags.externalAddress === undefined ? undefined : readExternalAddress(flags.externalAddress),
      caFile: flags.externalCaFile,
      tlsServerName: flags.externalServerName,
    },
    listen,
    healthAddress: flags.healthAddress,
    tls: flags.tlsKeyFile && flags.tlsCertFile ? { certFile: flags.tlsCertFile, keyFile: flags.tlsKeyFile } : undefined,
    oidc,
    authorizeUrl: flags.oidcAuthorizeUrl && readUrl(flags.oidcAuthorizeUrl, "--oidc-authorize-url").href,
    cookieKeys: readCookieKeys(flags),
    redirectOrigins: (flags.allowedRedirectOrigin ?? []).map(readOrigin),
    autoSelect: flags.testingAutoSelect,
  };
}

function readOidc(flags: BackendFlags, listen: ListenAddress): OidcOptions | "embedded" {
  const required = {
    "--oidc-issuer-url": flags.oidcIssuerUrl,
    "--oidc-issuer-client-id": flags.oidcIssuerClientId,
    "--oidc-issuer-client-secret": flags.oidcIssuerClientSecret,
    "--oidc-callback-url": flags.oidcCallbackUrl,
  };
  if (flags.oidcEmbedded) {
    const surplus = Object.entries(required).find(([, value]) => value);
    if (surplus) throw new UsageError(`'--oidc-embedded' excludes '${surplus[0]}': one issuer has to do`);
    if (!isLoopback(listen)) {
      throw new UsageError(
        "'--oidc-embedded' lets everybody in, so '--listen-address' has to be on loopback, e.g. 127.0.0.1:8080",
      );
    }
    return "embedded";
  }
  const missing = Object.entries({ ...required, "--cookie-signing-key": flags.cookieSigningKey })
    .flatMap(([flag, value]) => value ? [] : [`'${flag}'`]);
  if (missing.length > 0) {
    throw new UsageError(`missing ${missing.join(", ")}; to try things out, '--oidc-embedded' replaces them all`);
  }
  const callback = readUrl(flags.oidcCallbackUrl!, "--oidc-callback-url");
  if (!callback.pathname.endsWith("/callback")) {
    throw new UsageError(
      `invalid value '${callback.href}' for '--oidc-callback-url': its path has to end in /callback`,
    );
  }
  readUrl(flags.oidcIssuerUrl!, "--oidc-issuer-url");
  return {
    issuerUrl: flags.oidcIssuerUrl!, // as written, since it is compared with what the issuer says
    clientId: flags.oidcIssuerClientId!,
    clientSecret: flags.oidcIssuerClientSecret!,
    callbackUrl: callback.href,
    caFile: flags.oidcCaFile,
  };
}

function readAddress(text: string, flag: string): ListenAddress {
  try {
    return parseListenAddress(text);
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(`invalid value for '${flag}': ${error.message}`);
    throw error;
  }
}

const isLoopback = ({ host = "" }: ListenAddress): boolean => /^(localhost|::1|127(\.\d+){3})$/.test(host);

function readCookieKeys({ cookieSigningKey, cookieEncryptionKey }: BackendFlags): CookieKeys | undefined {
  if (!cookieSigningKey) {
    if (cookieEncryptionKey) throw new UsageError("'--cookie-encryption-key' needs '--cookie-signing-key', too");
    return undefined;
  }
  try {
    return parseCookieKeys({ signingKey: cookieSigningKey, encryptionKey: cookieEncryptionKey });
  } catch (error) {
    if (error instanceof OidcError) throw new UsageError(error.message);
    throw error;
  }
}

/** Namespace names have 63 characters, and the app cluster's namespace has to follow the prefix. */
const LONGEST_PREFIX = 30;

function readNamespacePrefix(text: string): string {
  if (text.length <= LONGEST_PREFIX && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(text)) return text;
  throw new UsageError(
    `invalid value '${text}' for '--namespace-prefix': it takes 1 to ${LONGEST_PREFIX} lower-case letters, ` +
      "digits and dashes, and begins and ends with a letter or digit",
  );
}

/** API servers refuse less, and a credential of years is none that expires. */
const TOKEN_LIFETIME = { leastMs: 10 * 60_000, mostMs: 365 * 24 * 3_600_000 };

function readTokenLifetime(text: string): number {
  const ms = parseGoDuration(text);
  if (ms !== undefined && ms >= TOKEN_LIFETIME.leastMs && ms <= TOKEN_LIFETIME.mostMs) return ms;
  throw new UsageError(
    `invalid value '${text}' for '--token-lifetime': it takes a duration from 10m to 8760h, e.g. 168h for a week`,
  );
}

function readExternalAddress(text: string): string {
  const url = URL.parse(text);
  if (url?.protocol === "https:" && !url.search && !url.hash && !url.username) return text.replace(/\/$/, "");
  throw new UsageError(`invalid value '${text}' for '--external-address': it has to start with https://`);
}

function readUrl(text: string, flag: string): URL {
  const url = URL.parse(text);
  if (url && /^https?:$/.test(url.protocol) && !url.search && !url.hash && !url.username) return url;
  throw new UsageError(`invalid value '${text}' for '${flag}': it takes an http or https URL without query`);
}

function readOrigin(text: string): string {
  const url = readUrl(text, "--allowed-redirect-origin");
  if (url.pathname === "/" && url.protocol === "https:") return url.origin;
  throw new UsageError(
    `invalid value '${text}' for '--allowed-redirect-origin': it takes scheme, host and port of an https URL, ` +
      "e.g. https://console.example.com",
  );
}

function notEmpty(text: string, flag: string): string {
  if (text.trim()) return text;
  throw new UsageError(`'${flag}' must not be empty`);
}

function oneOf<const Values extends readonly string[]>(values: Values, text: string, flag: string): Values[number] {
  const found = values.find((value) => value.toLowerCase() === text.toLowerCase());
  if (found !== undefined) return found;
  throw new UsageError(`invalid value '${text}' for '${flag}': it is one of ${values.join(", ")}`);
}

const joinAddress = (ip: string, port: string) => `${ip.includes(":") && !ip.startsWith("[") ? `[${ip}]` : ip}:${port}`;
