import type { Context } from "hono";
import type { AppDeps, AppEnv } from "../app.ts";
import { admit } from "../admit.ts";
import { requestAudit } from "../audit_request.ts";
import { clearLogin, readLogin, writeSession } from "../cookies.ts";
import { readQuery } from "../query.ts";

const SESSION_MS = 60 * 60_000;

/** Ends the login at the issuer, and begins the session in which the person chooses. */
export const callbackRoute = (deps: AppDeps) => async (c: Context<AppEnv>) => {
  const { states, relyingParty, sessions, isSecure, now, signal } = deps;
  const { state } = readQuery(c, "state");
  const browserSecret = state && await readLogin(c, state, isSecure);
  const login = await states.finish(state, browserSecret || undefined);
  await clearLogin(c, login.state, isSecure);

  const identity = await relyingParty().exchange(
    new URL(c.req.url).searchParams,
    login,
    AbortSignal.any([signal, c.req.raw.signal]),
  );
  const person = admit(deps, identity);
  const { redirectUrl, sessionId, clusterId, codeChallenge } = login;
  const createdAt = now();
  const expiresAt = new Date(createdAt.getTime() + SESSION_MS);
  const purpose = { redirectUrl, sessionId, clusterId, codeChallenge };
  const sealed = await sessions.seal({ ...person, ...purpose, createdAt, expiresAt });
  writeSession(c, { sessionId, sealed, expires: expiresAt, isSecure });
  const { issuer, subject } = identity;
  requestAudit(c, deps)("logged in", { issuer, subject, clusterId });
  return c.redirect(`/resources?${new URLSearchParams({ s: sessionId })}`);
};
