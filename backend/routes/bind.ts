import type { Context } from "hono";
import { encodePortableBase64 } from "../../oidc/portable_base64.ts";
import type { AppDeps, AppEnv } from "../app.ts";
import { bindingResponse } from "../binding_documents.ts";
import { readChoice, readQuery, readSessionId } from "../query.ts";
import { checkToken, sessionOf } from "../session_of.ts";

const TIMEOUT_MS = 60_000;

/** Provides the person's app cluster with what it needs on the provider, and sends the browser back to the command line. */
export const bindRoute = (deps: AppDeps) => async (c: Context<AppEnv>) => {
  const { bindTokens, catalogue, codes, ensureTenant } = deps;
  const { s, token } = readQuery(c, "s", "token");
  const apis = readChoice(c);
  const { session, sealed } = await sessionOf(c, readSessionId(s), deps);
  await checkToken(token, sealed, bindTokens);
  const offers = apis.map((name) => catalogue.get(name, session));

  const signal = AbortSignal.any([deps.signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const { namespace, kubeconfig } = await ensureTenant(session, signal);
  c.get("log").info("contract made", { namespace, apis });
  const target = new URL(session.redirectUrl);
  if (session.codeChallenge) {
    target.searchParams.set("code", await codes.issue({ ...session, apis }, session.codeChallenge));
  } else {
    target.searchParams.set("response", encodePortableBase64(bindingResponse(session, offers, kubeconfig)));
  }
  return c.redirect(target.href);
};
