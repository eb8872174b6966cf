import type { Context } from "hono";
import { encodePortableBase64 } from "../../oidc/portable_base64.ts";
import type { AppDeps, AppEnv } from "../app.ts";
import { handOver } from "../hand_over.ts";
import { readChoice, readQuery, readSessionId } from "../query.ts";
import { checkToken, sessionOf } from "../session_of.ts";

/**
 * Sends the browser back to the command line that a person chose APIs for. One that redeems codes gets nothing before it
 * has; for the others, the app cluster is provided with what it needs on the provider, and the credential goes along.
 */
export const bindRoute = (deps: AppDeps) => async (c: Context<AppEnv>) => {
  const { bindTokens, catalogue, codes } = deps;
  const { s, token } = readQuery(c, "s", "token");
  const apis = readChoice(c);
  const { session, sealed } = await sessionOf(c, readSessionId(s), deps);
  await checkToken(token, sealed, bindTokens);
  const offers = apis.map((name) => catalogue.get(name, session));
  const target = new URL(session.redirectUrl);
  if (session.codeChallenge) {
    target.searchParams.set("code", await codes.issue({ ...session, apis }, session.codeChallenge));
    return c.redirect(target.href);
  }
  const response = await handOver(c, deps, { who: session, offers, by: "browser" });
  target.searchParams.set("response", encodePortableBase64(response));
  return c.redirect(target.href);
};
