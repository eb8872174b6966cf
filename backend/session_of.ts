import type { Context } from "hono";
import type { Session, SessionSealer } from "../oidc/session.ts";
import type { BindTokens } from "./bind_token.ts";
import { readSession } from "./cookies.ts";
import { Refusal } from "./refusal.ts";

/** The session that a request belongs to, also as its cookie holds it. */
export async function sessionOf(
  c: Context,
  sessionId: string,
  { sessions, isSecure }: { sessions: SessionSealer; isSecure: boolean },
): Promise<{ session: Session; sealed: string }> {
  const sealed = readSession(c, sessionId, isSecure);
  const session = await sessions.open(sealed, sessionId);
  if (sealed && session) return { session, sealed };
  const message = "You are not logged in here, or your session is older than an hour. Start again on the command line.";
  throw new Refusal(401, "Please log in again", message);
}

/** @throws {Refusal} unless the request comes from a page of this session */
export async function checkToken(token: string | undefined, sealed: string, tokens: BindTokens): Promise<void> {
  if (token !== undefined && await tokens.isValid(token, sealed)) return;
  const message = "It does not come from the page of your session. Go back to that page, reload it and choose there.";
  throw new Refusal(403, "This link is not yours", message);
}
