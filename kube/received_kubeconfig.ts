import { parse } from "yaml";
import { ConfigError } from "./errors.ts";
import { checkServer, type ClusterConfig, staticConfig } from "./kubeconfig.ts";

type Fields = Record<string, unknown>;

const MAX_CHARACTERS = 256 * 1024;
const CLUSTER_FIELDS = ["server", "certificate-authority-data", "tls-server-name"];
const USER_FIELDS = ["token", "client-certificate-data", "client-key-data"];
const CONTEXT_FIELDS = ["cluster", "user", "namespace"];

/**
 * Reads a kubeconfig that somebody else wrote, into a closed form: server, CA data, token or client certificate data,
 * namespace, tls-server-name. Anything that would run a program, read a file of this machine or send the traffic
 * elsewhere is refused, whatever else the file says.
 *
 * @throws {ConfigError} naming the field; never quoting credentials
 */
export function parseReceivedKubeconfig(text: string): ClusterConfig {
  if (text.length > MAX_CHARACTERS) throw refuse(`it is longer than ${MAX_CHARACTERS} characters`);
  let root: unknown;
  try {
    root = parse(text, { maxAliasCount: 0, logLevel: "silent" });
  } catch {
    throw refuse("it is not YAML"); // the parser's message quotes the text, and that may hold a token
  }
  if (!isFields(root)) throw refuse("it is not a YAML mapping");
  const name = root["current-context"];
  if (typeof name !== "string" || !name) throw refuse("it has no current-context");
  const context = entryOf(root, "contexts", "context", name, CONTEXT_FIELDS);
  const clusterName = stringOf(context, "cluster");
  const userName = stringOf(context, "user");
  if (!clusterName || !userName) throw refuse(`context "${name}" names no cluster and user`);
  const cluster = entryOf(root, "clusters", "cluster", clusterName, CLUSTER_FIELDS);
  const user = entryOf(root, "users", "user", userName, USER_FIELDS);
  const server = stringOf(cluster, "server");
  if (!server) throw refuse(`cluster "${clusterName}" has no server`);
  if (!server.startsWith("https://")) throw refuse(`server "${server}" does not start with https://`);
  const token = stringOf(user, "token");
  const certificate = pemOf(user, "client-certificate-data");
  const key = pemOf(user, "client-key-data");
  if (!token && !(certificate && key)) {
    throw refuse(`user "${userName}" has neither a token nor a client certificate with its key`);
  }
  return staticConfig({
    server: checkServer(server, "the received kubeconfig"),
    caData: pemOf(cluster, "certificate-authority-data"),
    tlsServerName: stringOf(cluster, "tls-server-name"),
    namespace: stringOf(context, "namespace"),
    token,
    clientCertificate: certificate && key ? { certificate, key } : undefined,
  });
}

const refuse = (why: string) => new ConfigError(`Cannot use the received kubeconfig: ${why}`);

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function entryOf(root: Fields, list: string, field: string, name: string, allowed: string[]): Fields {
  const entries = Array.isArray(root[list]) ? root[list] as unknown[] : [];
  const found = entries.filter(isFields).find((entry) => entry.name === name)?.[field];
  if (!isFields(found)) throw refuse(`${field} "${name}" is missing`);
  const foreign = Object.keys(found).find((key) => !allowed.includes(key));
  if (foreign) throw refuse(`${field} "${name}" has the field "${foreign}"; allowed are ${allowed.join(", ")}`);
  return found;
}

function stringOf(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value !== "string") throw refuse(`"${name}" is not a string`);
  // Header values and host names: a line break here would be somebody's try to smuggle something in.
  // deno-lint-ignore no-control-regex
  if (/[\x00-\x1f\x7f]/.test(value)) throw refuse(`"${name}" contains control characters`);
  return value;
}

function pemOf(fields: Fields, name: string): string | undefined {
  const base64 = stringOf(fields, name);
  if (!base64) return undefined;
  let text: string;
  try {
    text = atob(base64);
  } catch {
    throw refuse(`"${name}" is not base64`);
  }
  if (!text.includes("-----BEGIN ")) throw refuse(`"${name}" is not PEM inside base64`);
  return text;
}
