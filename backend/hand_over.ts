import type { Context } from "hono";
import type { AppDeps, AppEnv } from "./app.ts";
import { identityText, type TenantIdentity } from "./identity.ts";
import type { Tenant } from "./tenant.ts";

/** Records to whom a credential is about to be sent, for which APIs, and by which way it was asked for. */
export function recordHandOver(
  c: Context<AppEnv>,
  { audit }: AppDeps,
  who: TenantIdentity,
  { namespace, credentialId }: Tenant,
  details: { apis: readonly string[]; by: "browser" | "code" | "token" },
): void {
  const request = { address: c.env.address, requestId: c.get("requestId") };
  audit("credential handed over", { namespace, identity: identityText(who), id: credentialId, ...details, ...request });
}
