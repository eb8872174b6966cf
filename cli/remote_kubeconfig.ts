import { parse } from "yaml";
import { ConfigError } from "../kube/errors.ts";
import { isJsonObject } from "../kube/json.ts";
import type { ClusterConfig } from "../kube/kubeconfig.ts";
import { parseReceivedKubeconfig } from "../kube/received_kubeconfig.ts";
import type { Json } from "../kube/types.ts";
import { printable } from "../printable.ts";
import { toYaml } from "./yaml.ts";

/** A provider's kubeconfig that may be used and stored. */
export interface ReceivedKubeconfig {
  /** The current context alone, as YAML: what goes into the Secret. */
  text: string;
  config: ClusterConfig;
  /** As written there; together with `namespace` it tells which Secret belongs to which provider. */
  server: string;
  namespace: string;
}

/**
 * Reads a provider's kubeconfig, in closed form only: server, CA, token or client certificate, namespace. Contexts that
 * are not current are left behind, so that a Secret never holds more than one provider needs.
 *
 * @param namespace instead of the one in the context
 * @throws {ConfigError} when it holds anything else, or no namespace
 */
export function readReceivedKubeconfig(text: string, namespace?: string): ReceivedKubeconfig {
  const parsed = parseReceivedKubeconfig(text);
  const chosen = namespace ?? parsed.namespace;
  if (!chosen) {
    throw new ConfigError(
      "Cannot use the provider's kubeconfig: remote namespace is required; " +
        "set it in the current context, or give --remote-namespace",
    );
  }
  const { document, server, minimal } = reduce(text, chosen);
  const asReceived = minimal && chosen === parsed.namespace;
  return {
    // Unchanged if possible: the konnector compares it with the provider's, and starts over when they differ.
    text: asReceived ? text : toYaml(document),
    config: { ...parsed, namespace: chosen },
    server,
    namespace: chosen,
  };
}

/** `host https://…, namespace …`, as it is shown to people. */
export const describeProvider = ({ server, namespace }: ReceivedKubeconfig): string =>
  printable(`host ${server}, namespace ${namespace}`);

/** Which provider a stored kubeconfig leads to; undefined when that cannot be told. */
export function providerOf(text: string): { server: string; namespace: string } | undefined {
  try {
    const { server, namespace } = reduce(text);
    return namespace ? { server, namespace } : undefined;
  } catch {
    return undefined;
  }
}

interface Reduced {
  /** With the current context alone. */
  document: Json;
  /** Whether there was no other. */
  minimal: boolean;
  server: string;
  namespace?: string;
}

function reduce(text: string, namespace?: string): Reduced {
  const root = parse(text, { maxAliasCount: 0, logLevel: "error" });
  const listOf = (name: string) => isJsonObject(root) && Array.isArray(root[name]) ? root[name] as Json[] : [];
  const entry = (list: string, field: string, name: Json | undefined) => {
    const entries = listOf(list);
    const found = entries.find((one) => isJsonObject(one) && one.name === name);
    const value = isJsonObject(found) ? found[field] : undefined;
    if (!isJsonObject(value)) throw new TypeError(`${field} is missing`);
    return value;
  };
  const current = root["current-context"];
  const context = entry("contexts", "context", current);
  const cluster = entry("clusters", "cluster", context.cluster);
  const user = entry("users", "user", context.user);
  const chosen = namespace ?? (typeof context.namespace === "string" ? context.namespace : undefined);
  return {
    minimal: ["contexts", "clusters", "users"].every((list) => listOf(list).length === 1),
    server: String(cluster.server),
    namespace: chosen,
    document: {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: context.cluster ?? null, cluster }],
      contexts: [{ name: current, context: { ...context, ...(chosen && { namespace: chosen }) } }],
      users: [{ name: context.user ?? null, user }],
      "current-context": current,
    },
  };
}
