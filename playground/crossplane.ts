import { join } from "node:path";
import { parse } from "yaml";
import type { KubeClient } from "../kube/client.ts";
import {
  CUSTOM_RESOURCE_DEFINITIONS,
  type CustomResourceDefinition,
  isEstablished,
  NAMESPACES,
} from "../kube/resources.ts";
import { createTestAuthority } from "./certificates.ts";
import { type GuardedProcess, startGuarded } from "./guardian.ts";
import { freePort, HOST } from "./programs.ts";
import { waitUntilReady } from "./readiness.ts";

export interface CrossplaneOptions {
  /** From `findCrossplane`. */
  program: string;
  /** The cluster it works on, as administrator. */
  client: KubeClient;
  kubeconfigPath: string;
  /** For its certificates and log; removed by the caller. */
  directory: string;
  progress?: (line: string) => void;
}

const NAMESPACE = "crossplane-system";
const FIELD_MANAGER = "klutch-playground";
const TIMEOUT_MS = 60_000;

/**
 * Installs Crossplane's own kinds in a cluster and starts its core beside it: definitions become CRDs. There are no
 * providers and functions, so that nothing is composed.
 *
 * @throws {Error} with its last lines when it is not ready in time
 */
export async function startCrossplane(options: CrossplaneOptions, signal: AbortSignal): Promise<GuardedProcess> {
  const { program, client, kubeconfigPath, directory, progress } = options;
  const installed = await installKinds(join(program, "crds"), client, signal);
  await client.api(NAMESPACES).apply(
    { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } },
    { fieldManager: FIELD_MANAGER },
    signal,
  );
  const certificates = await writeCertificates(directory);
  const healthPort = freePort();
  const core = startGuarded({
    name: "crossplane",
    command: [join(program, "crossplane"), "core", "start", `--namespace=${NAMESPACE}`, "--package-runtime=External"],
    logPath: join(directory, "crossplane.log"),
    env: {
      KUBECONFIG: kubeconfigPath,
      POD_NAME: "crossplane-0",
      WEBHOOK_ENABLED: "false",
      METRICS_PORT: "0",
      HEALTH_PROBE_PORT: String(healthPort),
      XPKG_CACHE_DIR: join(directory, "crossplane-packages"),
      TLS_CLIENT_CERTS_DIR: certificates,
      TLS_SERVER_CERTS_DIR: certificates,
    },
  });
  try {
    const isReady = async (signal: AbortSignal) => {
      const response = await fetch(`http://${HOST}:${healthPort}/readyz`, { signal });
      await response.body?.cancel();
      return response.ok && await areEstablished(client, installed, signal);
    };
    await waitUntilReady({ name: "Crossplane", processes: [core], isReady, timeoutMs: TIMEOUT_MS, progress }, signal);
    return core;
  } catch (error) {
    await core.stop();
    throw error;
  }
}

async function installKinds(directory: string, client: KubeClient, signal: AbortSignal): Promise<Set<string>> {
  const api = client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS);
  const names = new Set<string>();
  for await (const { name } of Deno.readDir(directory)) {
    const crd = parse(await Deno.readTextFile(join(directory, name))) as CustomResourceDefinition;
    await api.apply(crd, { fieldManager: FIELD_MANAGER }, signal);
    names.add(crd.metadata.name);
  }
  return names;
}

async function areEstablished(client: KubeClient, names: Set<string>, signal: AbortSignal): Promise<boolean> {
  const { items } = await client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS).list({}, signal);
  return items.filter(({ metadata }) => names.has(metadata.name)).every(isEstablished);
}

/** It wants them for functions and webhooks, which are not there. */
async function writeCertificates(directory: string): Promise<string> {
  const own = join(directory, "crossplane-certificates");
  await Deno.mkdir(own);
  const authority = await createTestAuthority("Crossplane test CA");
  const { certificate, key } = await authority.issueServer({ dns: ["localhost"], ip: [] });
  for (const [name, text] of [["ca.crt", authority.certificate], ["tls.crt", certificate], ["tls.key", key]] as const) {
    await Deno.writeTextFile(join(own, name), text, { mode: 0o600 });
  }
  return own;
}
