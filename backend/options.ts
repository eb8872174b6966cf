import type { BlockList } from "node:net";
import { Command, Option } from "commander";
import { flagsOf } from "../command_line.ts";
import { BACKEND_LEASE, KONNECTOR_IMAGE, LEASE_FALLBACK_NAMESPACE } from "../crds/names.ts";
import { examples } from "../help.ts";
import { type ListenAddress, parseListenAddress } from "../kube/address.ts";
import { parseGoDuration } from "../kube/duration.ts";
import { ConfigError } from "../kube/errors.ts";
import type { KubeconfigSource } from "../kube/kubeconfig.ts";
import { createLog } from "../kube/log.ts";
import { addLogFlags, readLogFlags } from "../log_flags.ts";
import { type ProgramContext, UsageError } from "../program.ts";
import { PROTOCOL_VERSION } from "../version.ts";
import { readNetworks } from "./client_address.ts";
import { addLoginFlags, type LoginFlags, type LoginOptions, readLoginOptions, SECRETS_HELP } from "./login_options.ts";
import { notEmpty, readUrl } from "./option_values.ts";
import type { RateLimitOptions } from "./rate_limit.ts";
import type { TlsFiles } from "./serving_certificate.ts";

/** Where objects of app clusters may be watched: in mapped namespaces only, or on the whole provider. */
export type ConsumerScope = "Namespaced" | "Cluster";
/** How cluster-scoped objects of several app clusters are kept apart. */
export type Isolation = "Prefixed" | "Namespaced" | "None";

export interface BackendOptions extends LoginOptions {
  kubeconfig: KubeconfigSource;
  namespacePrefix: string;
  prettyName: string;
  consumerScope: ConsumerScope;
  clusterScopedIsolation: Isolation;
  /** Name of this process among the replicas: that of its pod. */
  instance: string;
  /** By which replicas agree on the one whose controllers run; absent when there are no others. */
  lease?: { namespace: string; name: string; identity: string };
  /** How long a credential of an app cluster is valid; it is renewed at half that time. */
  tokenLifetimeMs: number;
  /** What kubeconfigs for app clusters say, where it differs from our own way to the API server. */
  external: { address?: string; caFile?: string; tlsServerName?: string };
  listen: ListenAddress;
  /** `host:port` of `/healthz`, `/readyz` and `/metrics`. */
  healthAddress: string;
  /** File that the audit log is written to besides the log. */
  auditLogPath?: string;
  tls?: TlsFiles;
  /** Proxies whose word on where a request comes from is taken. */
  trustedProxies: BlockList;
  /** How often one network may ask for what needs no login; absent for any number of times. */
  networkLimit?: RateLimitOptions;
  /** How many app clusters one user may have; absent for any number. */
  appClustersPerUser?: number;
  /** Origins besides loopback that credentials may be handed to. */
  redirectOrigins: string[];
  /** Whether command lines that know no one-time codes get the credential itself by way of the browser. */
  legacyCallback: boolean;
  /** Connects the app clusters of AppClusterBindings. */
  controlPlaneMode?: {
    /** What their konnectors run, unless they say otherwise. */
    konnectorImage: string;
  };
  /** `<resource>.<group>` that is bound without a click; for tests. */
  autoSelect?: string;
}

/** The published one that speaks the same wire format. */
const DEFAULT_KONNECTOR_IMAGE = `${KONNECTOR_IMAGE}:${PROTOCOL_VERSION}`;

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
    .option(
      "--leader-elect <true|false>",
      "run controllers in one replica only, all serve people (default: true, but false with --oidc-embedded)",
    )
    .option(
      "--lease-namespace <namespace>",
      `namespace of the Lease for that (default: $POD_NAMESPACE, else ${LEASE_FALLBACK_NAMESPACE})`,
    )
    .option("--control-plane-mode", "connect the app clusters of AppClusterBindings, too; login becomes optional")
    .option(
      "--konnector-image <image>",
      "what konnectors run in control-plane mode; otherwise that of the Go implementation, as there is none of ours yet",
    )
    .option("--external-address <url>", "API server's URL as app clusters reach it; otherwise as we do")
    .option("--external-ca-file <file>", "CA that app clusters verify that server with")
    .option("--external-server-name <name>", "name that app clusters verify that server against")
    .option(
      "--token-lifetime <duration>",
      "how long an app cluster's credential is valid, e.g. 168h; renewed at half that time",
      "168h",
    )
    .option("--audit-log-path <file>", "appends the audit log to this file, too: JSON, a line for each grant")
    .optionsGroup("Public listener:")
    .option("--listen-address <host:port>", "serves the pages and /export", "127.0.0.1:8080")
    .option(
      "--tls-cert-file <file>",
      "certificate chain; serves HTTPS together with the key; changes are taken up",
    )
    .option("--tls-key-file <file>", "private key of the certificate")
    .option(
      "--trusted-proxy <network>",
      "address or network of proxies whose X-Forwarded-For counts, e.g. 10.0.0.0/8; may be repeated",
      (network: string, others: string[] = []) => [...others, network],
    )
    .option("--login-rate <n>", "requests a minute from one address that need no login; 0: any number", "300")
    .option("--app-clusters-per-user <n>", "app clusters that one user or program may have; 0: any number", "500")
    .option(
      "--allowed-redirect-origin <origin>",
      "hand one-time codes to this origin too, not only to loopback",
      (origin: string, others: string[] = []) => [...others, origin],
    )
    .option("--no-legacy-callback", "refuse command lines that take the credential from the browser's address");
  addLoginFlags(command)
    .addOption(new Option("--listen-ip <ip>").hideHelp())
    .addOption(new Option("--listen-port <port>").hideHelp())
    .addOption(new Option("--testing-auto-select <resource.group>").hideHelp())
    .addHelpText(
      "after",
      SECRETS_HELP + "\n" + examples(
        ["Try it with the cluster of your current context", "klutch backend --oidc-embedded --log-format text"],
        [
          "Behind an ingress, with a real issuer",
          "KLUTCH_OIDC_CLIENT_SECRET=$SECRET KLUTCH_COOKIE_SIGNING_KEY=$KEY \\\n" +
          "  klutch backend --listen-address :8080 --trusted-proxy 10.0.0.0/8 \\\n" +
          "    --oidc-issuer-url https://sso.example.com --oidc-issuer-client-id klutch \\\n" +
          "    --oidc-callback-url https://klutch.example.com/callback --external-address https://api.example.com:6443",
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
export interface BackendFlags extends LoginFlags {
  kubeconfig?: string;
  namespacePrefix: string;
  prettyName: string;
  consumerScope: string;
  clusterScopedIsolation: string;
  healthAddress: string;
  auditLogPath?: string;
  tokenLifetime: string;
  leaderElect?: string;
  leaseNamespace?: string;
  controlPlaneMode?: boolean;
  konnectorImage?: string;
  externalAddress?: string;
  externalCaFile?: string;
  externalServerName?: string;
  listenAddress: string;
  listenIp?: string;
  listenPort?: string;
  tlsCertFile?: string;
  tlsKeyFile?: string;
  trustedProxy?: string[];
  loginRate: string;
  appClustersPerUser: string;
  allowedRedirectOrigin?: string[];
  legacyCallback?: boolean;
  testingAutoSelect?: string;
}

/**
 * Checks all flags; nothing after it looks at them.
 *
 * @param env where a kubeconfig is looked for, and secrets
 * @throws {UsageError} naming the flag and what it takes
 */
export function readBackendOptions(
  flags: BackendFlags,
  env: Readonly<Record<string, string | undefined>>,
): BackendOptions {
  const listen = flags.listenIp
    ? readAddress(joinAddress(flags.listenIp, flags.listenPort ?? "8080"), "--listen-ip")
    : readAddress(flags.listenAddress, "--listen-address");
  readAddress(flags.healthAddress, "--health-address");
  if (!flags.tlsCertFile !== !flags.tlsKeyFile) {
    throw new UsageError("'--tls-cert-file' and '--tls-key-file' go together: give both or none");
  }
  const instance = env.POD_NAME ?? crypto.randomUUID();
  return {
    ...readLoginOptions(flags, { listen, env, isOptional: flags.controlPlaneMode ?? false }),
    kubeconfig: { path: flags.kubeconfig, env },
    namespacePrefix: readNamespacePrefix(flags.namespacePrefix),
    prettyName: notEmpty(flags.prettyName, "--pretty-name"),
    consumerScope: oneOf(["Namespaced", "Cluster"], flags.consumerScope, "--consumer-scope"),
    clusterScopedIsolation: oneOf(
      ["Prefixed", "Namespaced", "None"],
      flags.clusterScopedIsolation,
      "--cluster-scoped-isolation",
    ),
    instance,
    lease: readLeaderElect(flags) ? readLease(flags, env, instance) : undefined,
    tokenLifetimeMs: readTokenLifetime(flags.tokenLifetime),
    external: {
      address: flags.externalAddress === undefined ? undefined : readExternalAddress(flags.externalAddress),
      caFile: flags.externalCaFile,
      tlsServerName: flags.externalServerName,
    },
    listen,
    healthAddress: flags.healthAddress,
    auditLogPath: flags.auditLogPath,
    tls: flags.tlsKeyFile && flags.tlsCertFile ? { certFile: flags.tlsCertFile, keyFile: flags.tlsKeyFile } : undefined,
    trustedProxies: readNetworks(flags.trustedProxy ?? [], "--trusted-proxy"),
    networkLimit: readLoginRate(flags.loginRate),
    appClustersPerUser: readLimit(flags.appClustersPerUser, "--app-clusters-per-user"),
    redirectOrigins: (flags.allowedRedirectOrigin ?? []).map(readOrigin),
    legacyCallback: flags.legacyCallback ?? true,
    controlPlaneMode: flags.controlPlaneMode
      ? { konnectorImage: notEmpty(flags.konnectorImage ?? DEFAULT_KONNECTOR_IMAGE, "--konnector-image") }
      : undefined,
    autoSelect: flags.testingAutoSelect,
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

/** Namespace names have 63 characters, and the app cluster's namespace has to follow the prefix. */
const LONGEST_PREFIX = 30;

function readNamespacePrefix(text: string): string {
  if (text.length <= LONGEST_PREFIX && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(text)) return text;
  throw new UsageError(
    `invalid value '${text}' for '--namespace-prefix': it takes 1 to ${LONGEST_PREFIX} lower-case letters, ` +
      "digits and dashes, and begins and ends with a letter or digit",
  );
}

function readLoginRate(text: string): RateLimitOptions | undefined {
  const perMinute = readLimit(text, "--login-rate");
  return perMinute === undefined ? undefined : { burst: perMinute, everyMs: 60_000 / perMinute };
}

function readLimit(text: string, flag: string): number | undefined {
  if (/^\d{1,9}$/.test(text)) return Number(text) || undefined;
  throw new UsageError(`invalid value '${text}' for '${flag}': it takes a number, 0 for no limit`);
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

/** An embedded issuer knows nothing of what other replicas have promised, so there are none. */
const readLeaderElect = ({ leaderElect, oidcEmbedded }: BackendFlags): boolean =>
  leaderElect === undefined ? !oidcEmbedded : oneOf(["true", "false"], leaderElect, "--leader-elect") === "true";

const readLease = (
  { leaseNamespace }: BackendFlags,
  env: Readonly<Record<string, string | undefined>>,
  identity: string,
) => ({ namespace: leaseNamespace ?? env.POD_NAMESPACE ?? LEASE_FALLBACK_NAMESPACE, name: BACKEND_LEASE, identity });

function readExternalAddress(text: string): string {
  const url = URL.parse(text);
  if (url?.protocol === "https:" && !url.search && !url.hash && !url.username) return text.replace(/\/$/, "");
  throw new UsageError(`invalid value '${text}' for '--external-address': it has to start with https://`);
}

function readOrigin(text: string): string {
  const url = readUrl(text, "--allowed-redirect-origin");
  if (url.pathname === "/" && url.protocol === "https:") return url.origin;
  throw new UsageError(
    `invalid value '${text}' for '--allowed-redirect-origin': it takes scheme, host and port of an https URL, ` +
      "e.g. https://console.example.com",
  );
}

function oneOf<const Values extends readonly string[]>(values: Values, text: string, flag: string): Values[number] {
  const found = values.find((value) => value.toLowerCase() === text.toLowerCase());
  if (found !== undefined) return found;
  throw new UsageError(`invalid value '${text}' for '${flag}': it is one of ${values.join(", ")}`);
}

const joinAddress = (ip: string, port: string) => `${ip.includes(":") && !ip.startsWith("[") ? `[${ip}]` : ip}:${port}`;
