import type { Context } from "hono";
import type { AppDeps, AppEnv } from "../app.ts";
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

  const { subject, issuer, email, name } = await relyingParty().exchange(
    new URL(c.req.url).searchParams,
    login,
    AbortSignal.any([signal, c.req.raw.signal]),
  );
  const { redirectUrl, sessionId, clusterId } = login;
  const createdAt = now();
  const expiresAt = new Date(createdAt.getTime() + SESSION_MS);
  const who = { subject, issuer, email, name };
  const sealed = await sessions.seal({ ...who, redirectUrl, sessionId, clusterId, createdAt, expiresAt });
  writeSession(c, { sessionId, sealed, expires: expiresAt, isSecure });
  c.get("log").info("logged in", { issuer });
  return c.redirect(`/resources?${new URLSearchParams({ s: sessionId })}`);
};
