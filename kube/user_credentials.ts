import { readFile } from "node:fs/promises";
import { type PluginRun, runCredentialPlugin } from "./exec_plugin.ts";
import type { ClusterConfig, Credentials } from "./kubeconfig.ts";
import { checkHeaderText, isFields, type KubeconfigEntry } from "./kubeconfig_entry.ts";
import { checkClientCertificate } from "./x509.ts";

interface Resolved {
  credentials: Credentials;
  /** How long they are worth keeping, unless the API server refuses them. */
  keepMs: number;
}

/** As in client-go: service account tokens in files are replaced long before they expire. */
const FILES_KEEP_MS = 60_000;
/** Requests that failed together ask together for new credentials. */
const RENEW_AT_MOST_EVERY_MS = 1000;

/** One try to get credentials; several requests may wait for it. */
interface Attempt {
  at: number;
  /** Good until then; unknown while it is under way. */
  until?: number;
  waiting: number;
  own: AbortController;
  credentials: Promise<Credentials>;
}

/** The credentials of one user of a kubeconfig, kept as long as they are good. */
export function userCredentials(source: PluginRun): ClusterConfig["credentials"] {
  let last: Attempt | undefined;

  function begin(): Attempt {
    const own = new AbortController();
    const resolved = resolveUser(source, own.signal);
    const credentials = resolved.then((one) => one.credentials);
    const attempt: Attempt = { at: performance.now(), waiting: 0, own, credentials };
    resolved.then(({ keepMs }) => attempt.until = performance.now() + keepMs, () => forget(attempt));
    return attempt;
  }

  function forget(attempt: Attempt) {
    if (last === attempt) last = undefined;
  }

  return async (renew, signal) => {
    signal.throwIfAborted();
    const now = performance.now();
    const expired = last?.until !== undefined && now > last.until;
    if (!last || expired || (renew && now - last.at > RENEW_AT_MOST_EVERY_MS)) last = begin();
    const attempt = last;
    attempt.waiting++;
    try {
      return await abortable(attempt.credentials, signal);
    } finally {
      if (--attempt.waiting === 0 && attempt.until === undefined) {
        forget(attempt);
        attempt.own.abort(new DOMException("nobody waits for the credentials", "AbortError")); // ends a plugin
      }
    }
  };
}

async function resolveUser(source: PluginRun, signal: AbortSignal): Promise<Resolved> {
  const { user } = source;
  const unsupported = ["as-groups", "as-uid", "as-user-extra"].find((name) => user.fields[name] !== undefined);
  // Acting as somebody else than asked for would be worse than not acting.
  if (unsupported) throw user.refuse(`"${unsupported}" is not supported`);
  const impersonated = user.headerText("as");
  const { credentials, keepMs } = await authenticate(source, signal);
  const headers = { ...credentials.headers, ...(impersonated && { "impersonate-user": impersonated }) };
  return { credentials: { ...credentials, headers }, keepMs };
}

async function authenticate(source: PluginRun, signal: AbortSignal): Promise<Resolved> {
  const { user } = source;
  const username = user.text("username");
  if (user.fields.exec) {
    const { token, clientCertificate, expiresAt } = await runCredentialPlugin(source, signal);
    const keepMs = expiresAt ? expiresAt.getTime() - Date.now() : Infinity;
    return { credentials: withToken(user, token, clientCertificate), keepMs };
  }
  if (user.fields["auth-provider"]) {
    return { credentials: withToken(user, idTokenOf(user)), keepMs: FILES_KEEP_MS };
  }
  const clientCertificate = await clientCertificateOf(user);
  const tokenFile = user.text("tokenFile");
  const token = tokenFile ? (await readText(user, "tokenFile", tokenFile)).trim() : user.headerText("token");
  const readsFiles = tokenFile || user.text("client-certificate") || user.text("client-key");
  const credentials = !token && username !== undefined
    ? { headers: { authorization: basic(username, user.text("password") ?? "") }, clientCertificate }
    : withToken(user, token, clientCertificate);
  return { credentials, keepMs: readsFiles ? FILES_KEEP_MS : Infinity };
}

function withToken(
  user: KubeconfigEntry,
  token: string | undefined,
  clientCertificate?: Credentials["clientCertificate"],
): Credentials {
  if (token) checkHeaderText(token, "the token", user);
  if (clientCertificate) checkClientCertificate(clientCertificate, user.described);
  return { headers: token ? { authorization: `Bearer ${token}` } : {}, clientCertificate };
}

async function clientCertificateOf(user: KubeconfigEntry): Promise<Credentials["clientCertificate"]> {
  const part = async (name: string) => {
    const data = user.pem(`${name}-data`);
    const path = user.text(name);
    return data ?? (path && await readText(user, name, path));
  };
  const [certificate, key] = [await part("client-certificate"), await part("client-key")];
  if (!certificate && !key) return undefined;
  if (!certificate || !key) throw user.refuse("a client certificate needs both certificate and key");
  return { certificate, key };
}

async function readText(user: KubeconfigEntry, field: string, path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw user.refuse(`${field} "${path}" cannot be read`, { cause });
  }
}

/**
 * Of the built-in providers of old, kubectl still has `oidc`. Its refresh token is left to kubectl, which stores the
 * next one: used up here, it would log the person out.
 */
function idTokenOf(user: KubeconfigEntry): string {
  const { name, config } = isFields(user.fields["auth-provider"]) ? user.fields["auth-provider"] : {};
  if (name !== "oidc") throw user.refuse(`auth-provider "${name}" is not supported; use a credential plugin (exec)`);
  const token = isFields(config) ? config["id-token"] : undefined;
  if (typeof token !== "string" || !isUnexpired(token)) {
    throw user.refuse("the id-token of its auth-provider is missing or has expired; run kubectl once to renew it");
  }
  return token;
}

function isUnexpired(jwt: string): boolean {
  try {
    const payload = atob((jwt.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/"));
    return JSON.parse(payload).exp * 1000 > Date.now();
  } catch {
    return false;
  }
}

/** The value of an `authorization` header; names and passwords are UTF-8. @see RFC 7617, section 2.1 */
export const basic = (username: string, password: string): string =>
  `Basic ${new TextEncoder().encode(`${username}:${password}`).toBase64()}`;

function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener("abort", abort));
}
