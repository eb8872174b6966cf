import { messageOf } from "./errors.ts";
import { isFields, type KubeconfigEntry } from "./kubeconfig_entry.ts";

/** What a credential plugin answered. */
export interface PluginAnswer {
  token?: string;
  /** PEM. */
  clientCertificate?: { certificate: string; key: string };
  /** Not before then it has to be asked again; unless the API server refuses what it gave. */
  expiresAt?: Date;
}

export interface PluginRun {
  /** `users[].user` of the kubeconfig, with its `exec`. */
  user: KubeconfigEntry;
  /** For plugins that ask to be told about the cluster. */
  cluster: Readonly<Record<string, unknown>>;
  env: Readonly<Record<string, string | undefined>>;
}

/** A person may have to log in first. */
const TIMEOUT_MS = 5 * 60_000;

/**
 * Runs the credential plugin of a kubeconfig; ends it when the signal fires.
 *
 * @throws {ConfigError} when it cannot be started, fails, or answers something else than credentials
 * @see https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
 */
export async function runCredentialPlugin(run: PluginRun, signal: AbortSignal): Promise<PluginAnswer> {
  const { user, env } = run;
  const exec = isFields(user.fields.exec) ? user.fields.exec : {};
  const { command, interactiveMode, installHint } = exec;
  if (typeof command !== "string" || !command) throw user.refuse(`"exec" has no command`);
  const interactive = interactiveMode !== "Never" && Deno.stdin.isTerminal();
  const plugin = `credential plugin "${command}"`;

  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(command, {
      args: Array.isArray(exec.args) ? exec.args.map(String) : [],
      env: { ...defined(env), ...pluginEnv(exec.env), KUBERNETES_EXEC_INFO: execInfo(exec, run.cluster, interactive) },
      clearEnv: true,
      stdin: interactive ? "inherit" : "null",
      stdout: "piped",
      stderr: interactive ? "inherit" : "piped", // a login may tell there what to do
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    }).output();
  } catch (cause) {
    signal.throwIfAborted();
    const hint = cause instanceof Deno.errors.NotFound && typeof installHint === "string" ? ` (${installHint})` : "";
    throw user.refuse(`${plugin} cannot be run${hint}: ${messageOf(cause)}`, { cause });
  }
  signal.throwIfAborted();
  if (!output.success) {
    const said = interactive ? "" : new TextDecoder().decode(output.stderr).trim().slice(-500);
    const ended = output.signal ? `was ended by ${output.signal}` : `ended with exit code ${output.code}`;
    throw user.refuse(`${plugin} ${ended}${said && `: ${said}`}`);
  }
  return readAnswer(new TextDecoder().decode(output.stdout), user, plugin);
}

function readAnswer(stdout: string, user: KubeconfigEntry, plugin: string): PluginAnswer {
  let answer: unknown;
  try {
    answer = JSON.parse(stdout);
  } catch {
    throw user.refuse(`${plugin} did not answer JSON`); // not quoted, it may be a credential
  }
  const status = isFields(answer) && isFields(answer.status) ? answer.status : {};
  const { token, clientCertificateData: certificate, clientKeyData: key, expirationTimestamp } = status;
  const expiresAt = typeof expirationTimestamp === "string" ? new Date(expirationTimestamp) : undefined;
  const clientCertificate = typeof certificate === "string" && typeof key === "string"
    ? { certificate, key }
    : undefined;
  if (!clientCertificate && typeof token !== "string") {
    throw user.refuse(`${plugin} answered neither a token nor a certificate with its key`);
  }
  return {
    token: typeof token === "string" ? token.trim() : undefined,
    clientCertificate,
    expiresAt: expiresAt && !Number.isNaN(expiresAt.getTime()) ? expiresAt : undefined,
  };
}

/** What kubectl tells plugins as well; some refuse to work without it. */
function execInfo(
  exec: Readonly<Record<string, unknown>>,
  cluster: Readonly<Record<string, unknown>>,
  interactive: boolean,
): string {
  const apiVersion = exec.apiVersion ?? "client.authentication.k8s.io/v1";
  const { extensions, ...rest } = cluster;
  const config = Array.isArray(extensions)
    ? extensions.filter(isFields).find(({ name }) => name === "client.authentication.k8s.io/exec")?.extension
    : undefined;
  return JSON.stringify({
    apiVersion,
    kind: "ExecCredential",
    spec: { interactive, ...(exec.provideClusterInfo === true && { cluster: { ...rest, config } }) },
  });
}

function pluginEnv(list: unknown): Record<string, string> {
  const entries = Array.isArray(list) ? list.filter(isFields) : [];
  return Object.fromEntries(entries.map(({ name, value }) => [String(name), String(value ?? "")]));
}

const defined = (env: PluginRun["env"]) =>
  Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
