import type { Context } from "hono";
import type { AppDeps, AppEnv } from "./app.ts";
import type { AuditRecord } from "./audit.ts";
import { identityText, type TenantIdentity } from "./identity.ts";
import type { Tenant } from "./tenant.ts";

/** Records what somebody has got by a request, and from where it came. */
export const auditRequest = (c: Context<AppEnv>, { audit }: AppDeps, what: string, record: AuditRecord): void =>
  audit(what, { ...record, address: c.env.address, requestId: c.get("requestId") });

/** Records to whom a credential is about to be sent, for which APIs, and by which way it was asked for. */
export function auditHandOver(
  c: Context<AppEnv>,
  deps: AppDeps,
  who: TenantIdentity,
  { namespace, credentialId }: Tenant,
  details: { apis: readonly string[]; by: "browser" | "code" | "token" },
): void {
  const whose = { namespace, identity: identityText(who), id: credentialId };
  auditRequest(c, deps, "credential handed over", { ...whose, ...details });
}
