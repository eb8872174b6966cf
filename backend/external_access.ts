import { readFile } from "node:fs/promises";
import { ConfigError } from "../kube/errors.ts";
import type { ClusterConfig } from "../kube/kubeconfig.ts";
import { checkAuthority } from "../kube/x509.ts";
import type { BackendOptions } from "./options.ts";
import type { ExternalAccess } from "./tenant_kubeconfig.ts";

/**
 * How app clusters reach the API server: as configured, otherwise as we do ourselves.
 *
 * @throws {ConfigError}
 */
export async function readExternalAccess(
  { address, caFile, tlsServerName }: BackendOptions["external"],
  config: ClusterConfig,
): Promise<ExternalAccess> {
  const server = address ?? config.server;
  if (!server.startsWith("https://")) {
    throw new ConfigError(
      `App clusters cannot use the API server at ${server}: set --external-address to its https URL`,
    );
  }
  return {
    server,
    caData: caFile ? await readAuthority(caFile, "--external-ca-file") : config.caData,
    // A name that belongs to our own way to the server is wrong for another address.
    tlsServerName: tlsServerName ?? (address ? undefined : config.tlsServerName),
  };
}

/** @throws {ConfigError} naming flag and file */
export async function readAuthority(path: string, flag: string): Promise<string> {
  const caData = await readText(path, flag);
  checkAuthority(caData, `"${path}" (${flag})`);
  return caData;
}

/** @throws {ConfigError} naming flag and file */
export async function readText(path: string, flag: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new ConfigError(`Cannot read "${path}" (${flag})`, { cause });
  }
}
