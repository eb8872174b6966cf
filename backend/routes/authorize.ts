import type { Context } from "hono";
import { isLoopback } from "../../oidc/issuer_fetch.ts";
import type { AppDeps } from "../app.ts";
import { writeLogin } from "../cookies.ts";
import { readClusterId, readCodeChallenge, readQuery, readSessionId } from "../query.ts";
import { readRedirectTarget } from "../redirect_target.ts";
import { Refusal } from "../refusal.ts";

/** Begins a login for a command line that waits at `u` or at port `p` of the person's machine. */
export const authorizeRoute = (deps: AppDeps) => async (c: Context) => {
  const { u, p, s, c: cluster, code_challenge: challenge } = readQuery(c, "u", "p", "s", "c", "code_challenge");
  if ((!u && !p) || !s || !cluster) {
    const message =
      "missing redirect_url or session_id, or the cluster id. Use the link that the command line printed.";
    throw new Refusal(400, "This link is incomplete", message);
  }
  const { states, relyingParty, redirectOrigins, legacyCallback, isSecure } = deps;
  const codeChallenge = readCodeChallenge(challenge);
  const redirectUrl = readRedirectTarget({ u, p }, redirectOrigins);
  if (!codeChallenge && !(legacyCallback && isLoopback(new URL(redirectUrl).hostname))) {
    const message = "It would take credentials from the browser's address. Update it and start again.";
    throw new Refusal(400, "This command line is too old for this provider", message);
  }
  const { expiresAt, browserSecret, ...secrets } = await states.begin({
    redirectUrl,
    sessionId: readSessionId(s),
    clusterId: readClusterId(cluster),
    codeChallenge,
  });
  await writeLogin(c, { state: secrets.state, browserSecret, expires: expiresAt, isSecure });
  return c.redirect((await relyingParty().authorizationUrl(secrets)).href);
};
