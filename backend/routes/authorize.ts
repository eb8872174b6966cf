import type { Context } from "hono";
import type { AppDeps } from "../app.ts";
import { writeLogin } from "../cookies.ts";
import { readClusterId, readQuery, readSessionId } from "../query.ts";
import { readRedirectTarget } from "../redirect_target.ts";
import { Refusal } from "../refusal.ts";

/** Begins a login for a command line that waits at `u` or at port `p` of the person's machine. */
export const authorizeRoute = (deps: AppDeps) => async (c: Context) => {
  const { u, p, s, c: cluster } = readQuery(c, "u", "p", "s", "c");
  if ((!u && !p) || !s || !cluster) {
    const message =
      "missing redirect_url or session_id, or the cluster id. Use the link that the command line printed.";
    throw new Refusal(400, "This link is incomplete", message);
  }
  const { states, relyingParty, redirectOrigins, isSecure } = deps;
  const { expiresAt, browserSecret, ...secrets } = await states.begin({
    redirectUrl: readRedirectTarget({ u, p }, redirectOrigins),
    sessionId: readSessionId(s),
    clusterId: readClusterId(cluster),
  });
  await writeLogin(c, { state: secrets.state, browserSecret, expires: expiresAt, isSecure });
  return c.redirect((await relyingParty().authorizationUrl(secrets)).href);
};
