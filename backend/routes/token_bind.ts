import type { Context } from "hono";
import { BindRequest } from "../../crds/bind_request.ts";
import { decodeJson, InvalidObjectError } from "../../crds/check.ts";
import { admit } from "../admit.ts";
import type { AppDeps, AppEnv } from "../app.ts";
import { bearerOf } from "../bearer.ts";
import { bindingResponse } from "../binding_documents.ts";
import { readApiNames, readBody } from "../query.ts";
import { Refusal } from "../refusal.ts";

const TIMEOUT_MS = 60_000;

/** Binds for whoever shows a token of an issuer, by the same rules as after a login by browser. */
export const tokenBindRoute = (deps: AppDeps) => async (c: Context<AppEnv>) => {
  const { catalogue, ensureTenant, bindLimit, now } = deps;
  const { identity, isNamed } = await bearerOf(c, deps);
  const waitMs = bindLimit.take(`${identity.issuer} ${identity.subject}`, now());
  if (waitMs > 0) {
    const retryAfterSeconds = Math.ceil(waitMs / 1000);
    throw new Refusal(429, "Too often", `Try again in ${retryAfterSeconds} seconds.`, { retryAfterSeconds });
  }
  const person = isNamed ? identity : admit(deps, identity);
  const { clusterID, sessionID, apis, dryRun } = await readRequest(c);
  const offers = readApiNames(apis).map((name) => catalogue.get(name, person));
  const who = { ...person, sessionId: sessionID, clusterId: clusterID };
  if (dryRun) return c.json(bindingResponse(who, offers));
  const signal = AbortSignal.any([deps.signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const { namespace, kubeconfig } = await ensureTenant(who, signal);
  c.get("log").info("credential handed over", { namespace, apis, by: "token" });
  return c.json(bindingResponse(who, offers, kubeconfig));
};

async function readRequest(c: Context): Promise<BindRequest> {
  const text = await readBody(c, "application/json");
  try {
    return decodeJson(BindRequest, text);
  } catch (error) {
    if (error instanceof InvalidObjectError) throw new Refusal(400, "This request is not valid", `${error.message}.`);
    throw error;
  }
}
