import type { Context } from "hono";
import type { AppDeps, AppEnv } from "./app.ts";
import type { Audit } from "./audit.ts";

/** Records what somebody has got by a request, and from where that came. */
export const requestAudit = (c: Context<AppEnv>, { audit }: Pick<AppDeps, "audit">): Audit => (what, record) =>
  audit(what, { ...record, address: c.env.address, requestId: c.get("requestId") });
