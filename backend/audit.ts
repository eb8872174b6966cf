import { ConfigError } from "../kube/errors.ts";
import { createLog, type Log } from "../kube/log.ts";
import type { Namespace } from "../kube/resources.ts";
import type { Store } from "../kube/store.ts";
import { rootOwner } from "./app_cluster_binding_plan.ts";
import { identityOf } from "./identity.ts";

/** Who has got, or lost, what; never a credential itself. */
export interface AuditRecord {
  /** The cluster namespace: whose rights they are. Absent before there is one. */
  namespace?: string;
  /** `<OIDC subject>#<cluster id>`, as far as known. */
  identity?: string;
  /** `<namespace>/<name>` of what stands for the app cluster where nobody has logged in. */
  appClusterBinding?: string;
  /** From where somebody asked for it; absent for what controllers do by themselves. */
  address?: string;
  [detail: string]: unknown;
}

/** Writes one line for each login, and each right or credential that an app cluster gets or loses. */
export type Audit = (what: string, record: AuditRecord) => void;

/** Whose a cluster namespace is, as records say it. */
export function whoseOf(namespaces: Store<Namespace>, name: string): AuditRecord {
  const namespace = namespaces.get({ name });
  return {
    namespace: name,
    identity: identityOf(namespace),
    ...(namespace && { appClusterBinding: rootOwner(namespace) }),
  };
}

/**
 * An audit log in the log, and in a file, too, whatever format and level the log has.
 *
 * @param path of a file that may be renamed meanwhile: each line opens it
 * @throws {ConfigError} when nothing can be appended to it
 */
export function openAudit(log: Log, path?: string): Audit {
  const toLog: Audit = (what, record) => log.info(what, { audit: true, ...record });
  if (path === undefined) return toLog;
  const append = (text: string) => Deno.writeTextFileSync(path, text, { append: true, mode: 0o600 });
  const write = (line: string) => {
    try {
      append(`${line}\n`);
    } catch (error) {
      log.error("audit record not written", { path, error });
    }
  };
  try {
    append("");
  } catch (cause) {
    throw new ConfigError(`Cannot write the audit log "${path}" (--audit-log-path)`, { cause });
  }
  const file = createLog({ format: "json", level: "info", write });
  return (what, record) => {
    toLog(what, record);
    file.info(what, record);
  };
}
