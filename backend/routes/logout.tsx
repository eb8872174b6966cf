import type { Context } from "hono";
import type { AppDeps, AppEnv } from "../app.ts";
import { clearSession } from "../cookies.ts";
import { MessagePage } from "../pages/message.tsx";
import { readQuery, readSessionId } from "../query.ts";
import { checkToken, sessionOf } from "../session_of.ts";

/** Ends the session in this browser. */
export const logoutRoute = (deps: AppDeps) => async (c: Context<AppEnv>) => {
  const { s, token } = readQuery(c, "s", "token");
  const sessionId = readSessionId(s);
  const { sealed } = await sessionOf(c, sessionId, deps);
  await checkToken(token, sealed, deps.bindTokens);
  clearSession(c, sessionId, deps.isSecure);
  const href = deps.relyingParty().logoutUrl?.href;
  return c.html(
    <MessagePage
      prettyName={deps.prettyName}
      title="You are logged out"
      message={"This browser has no session here any more. What you have bound goes on working." +
        (href ? " Your identity provider may still know you." : "")}
      link={href ? { href, text: "Log out there, too" } : undefined}
    />,
  );
};
