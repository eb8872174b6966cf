import { readFile } from "node:fs/promises";
import type { Clock } from "../kube/clock.ts";
import { ConfigError } from "../kube/errors.ts";
import type { ClusterConfig } from "../kube/kubeconfig.ts";
import type { Log } from "../kube/log.ts";
import type { TaskGroup } from "../kube/tasks.ts";
import { checkAuthority } from "../kube/x509.ts";
import { type FollowedFiles, followFiles } from "./followed_files.ts";
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

/** A CA file, and what takes up another CA. */
export interface FollowedAuthority {
  /** Absent when there is none to follow. */
  path: string | undefined;
  flag: string;
  /** PEM. */
  current: string | undefined;
  renew: (caData: string) => void;
  log: Log;
  clock?: Clock;
}

/** Takes up whatever CA the file holds, as long as the tasks run. */
export function followAuthority({ path, flag, renew, ...rest }: FollowedAuthority, tasks: TaskGroup): void {
  if (path === undefined) return;
  const files: FollowedFiles<string | undefined> = {
    ...rest,
    read: () => readAuthority(path, flag),
    renew(caData) {
      renew(caData!);
      rest.log.info("CA renewed", { flag, path });
    },
    refusal: "cannot renew a CA, so the one before stays",
  };
  tasks.run((signal) => followFiles(files, signal));
}

/** @throws {ConfigError} naming flag and file */
export async function readText(path: string, flag: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new ConfigError(`Cannot read "${path}" (${flag})`, { cause });
  }
}
