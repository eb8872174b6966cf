import { parse } from "yaml";
import { ConfigError } from "./errors.ts";
import { checkServer, checkTlsServerName, type ClusterConfig, staticConfig } from "./kubeconfig.ts";
import { isFields, KubeconfigEntry } from "./kubeconfig_entry.ts";
import { shortened } from "./shortened.ts";

const DESCRIBED = "the received kubeconfig";
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
  let parsed: unknown;
  try {
    parsed = parse(text, { maxAliasCount: 0, logLevel: "error" });
  } catch {
    throw refuse("it is not YAML"); // the parser's message quotes the text, and that may hold a token
  }
  if (!isFields(parsed)) throw refuse("it is not a YAML mapping");
  const root = new KubeconfigEntry(parsed, DESCRIBED);
  const contextName = root.text("current-context");
  if (!contextName) throw refuse("it has no current-context");
  const context = entryOf(root, "contexts", "context", contextName, CONTEXT_FIELDS);
  const clusterName = context.text("cluster");
  const userName = context.text("user");
  if (!clusterName || !userName) throw context.refuse("it names no cluster and user");
  const cluster = entryOf(root, "clusters", "cluster", clusterName, CLUSTER_FIELDS);
  const user = entryOf(root, "users", "user", userName, USER_FIELDS);
  return staticConfig({
    ...serverOf(cluster),
    ...credentialsOf(user),
    caData: cluster.pem("certificate-authority-data"),
    namespace: namespaceOf(context),
  }, DESCRIBED);
}

function serverOf(cluster: KubeconfigEntry): Pick<ClusterConfig, "server" | "tlsServerName"> {
  const server = cluster.text("server");
  if (!server) throw cluster.refuse("it has no server");
  if (!server.startsWith("https://")) throw cluster.refuse("its server does not start with https://");
  const tlsServerName = cluster.text("tls-server-name");
  if (tlsServerName) checkTlsServerName(tlsServerName, cluster.described);
  return { server: checkServer(server, cluster.described), tlsServerName };
}

function credentialsOf(user: KubeconfigEntry) {
  const token = user.headerText("token");
  const certificate = user.pem("client-certificate-data");
  const key = user.pem("client-key-data");
  if (!certificate !== !key) throw user.refuse("a client certificate needs both certificate and key");
  if (!token && !certificate) throw user.refuse("it has neither a token nor a client certificate with its key");
  return { token, clientCertificate: certificate && key ? { certificate, key } : undefined };
}

function namespaceOf(context: KubeconfigEntry): string | undefined {
  const namespace = context.text("namespace");
  if (namespace && !/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(namespace)) {
    throw context.refuse("its namespace is not a DNS label");
  }
  return namespace;
}

const refuse = (why: string) => new ConfigError(`Cannot use ${DESCRIBED}: ${why}`);

function entryOf(root: KubeconfigEntry, list: string, kind: string, name: string, allowed: string[]): KubeconfigEntry {
  const entries = root.fields[list];
  const described = `${DESCRIBED}: ${kind} "${shortened(name)}"`;
  const found = (Array.isArray(entries) ? entries : []).filter(isFields).find((entry) => entry.name === name)?.[kind];
  if (!isFields(found)) throw new ConfigError(`Cannot use ${described}: it is missing`);
  const foreign = Object.keys(found).find((field) => !allowed.includes(field));
  if (foreign !== undefined) {
    const allowedFields = allowed.join(", ");
    throw new ConfigError(
      `Cannot use ${described}: field "${shortened(foreign)}" is not allowed, only ${allowedFields}`,
    );
  }
  return new KubeconfigEntry(found, described);
}
