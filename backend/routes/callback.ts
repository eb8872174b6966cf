import type { Context } from "hono";
import type { AppDeps, AppEnv } from "../app.ts";
import { isAdmitted } from "../admission.ts";
import { clearLogin, readLogin, writeSession } from "../cookies.ts";
import { readQuery } from "../query.ts";
import { Refusal } from "../refusal.ts";

const SESSION_MS = 60 * 60_000;

/** Ends the login at the issuer, and begins the session in which the person chooses. */
export const callbackRoute = (deps: AppDeps) => async (c: Context<AppEnv>) => {
  const { states, relyingParty, admission, catalogue, sessions, isSecure, now, signal } = deps;
  const { state } = readQuery(c, "state");
  const browserSecret = state && await readLogin(c, state, isSecure);
  const login = await states.finish(state, browserSecret || undefined);
  await clearLogin(c, login.state, isSecure);

  const { groups: all, ...identity } = await relyingParty().exchange(
    new URL(c.req.url).searchParams,
    login,
    AbortSignal.any([signal, c.req.raw.signal]),
  );
  if (!isAdmitted(admission, { ...identity, groups: all })) {
    const message = "Your account is neither one of the users nor in one of the groups that may use this provider. " +
      "Ask whoever runs it.";
    throw new Refusal(403, "You may not use this provider", message);
  }
  const { redirectUrl, sessionId, clusterId, codeChallenge } = login;
  const deciding = catalogue.admittedGroups();
  const groups = all?.filter((group) => deciding.has(group));
  const createdAt = now();
  const expiresAt = new Date(createdAt.getTime() + SESSION_MS);
  const purpose = { redirectUrl, sessionId, clusterId, codeChallenge };
  const sealed = await sessions.seal({ ...identity, groups, ...purpose, createdAt, expiresAt });
  writeSession(c, { sessionId, sealed, expires: expiresAt, isSecure });
  c.get("log").info("logged in", { issuer: identity.issuer });
  return c.redirect(`/resources?${new URLSearchParams({ s: sessionId })}`);
};
