import type { Context } from "hono";
import { encodePortableBase64 } from "../../oidc/portable_base64.ts";
import type { AppDeps, AppEnv } from "../app.ts";
import { bindingResponse } from "../binding_documents.ts";
import { readApiName, readQuery, readSessionId } from "../query.ts";
import { Refusal } from "../refusal.ts";
import { sessionOf } from "../session_of.ts";

const TIMEOUT_MS = 60_000;

/** Provides the person's app cluster with what it needs on the provider, and hands the credential to the command line. */
export const bindRoute = (deps: AppDeps) => async (c: Context<AppEnv>) => {
  const { sessions, bindTokens, catalogue, ensureTenant, signal } = deps;
  const { s, resource, group, token } = readQuery(c, "s", "resource", "group", "token");
  const name = readApiName(resource, group);
  const { session, sealed } = await sessionOf(c, readSessionId(s), sessions);
  if (!await bindTokens.isValid(token ?? "", sealed)) {
    const message = "It does not come from the page of your session. Go back to that page, reload it and choose there.";
    throw new Refusal(403, "This link is not yours", message);
  }
  const offer = catalogue.find(name);
  if (!offer) throw new Refusal(404, "Not on offer", `This provider does not offer "${name}" any more.`);

  const { namespace, kubeconfig } = await ensureTenant(
    session,
    AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
  );
  c.get("log").info("contract handed over", { namespace, api: name });
  const target = new URL(session.redirectUrl);
  target.searchParams.set("response", encodePortableBase64(bindingResponse(session, offer, kubeconfig)));
  return c.redirect(target.href);
};
