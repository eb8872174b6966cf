import type { Context } from "hono";
import type { Session, SessionSealer } from "../oidc/session.ts";
import { readSession } from "./cookies.ts";
import { Refusal } from "./refusal.ts";

/** The session that a request belongs to, also as its cookie holds it. */
export async function sessionOf(
  c: Context,
  sessionId: string,
  sessions: SessionSealer,
): Promise<{ session: Session; sealed: string }> {
  const sealed = readSession(c, sessionId);
  const session = await sessions.open(sealed, sessionId);
  if (sealed && session) return { session, sealed };
  const message = "You are not logged in here, or your session is older than an hour. Start again on the command line.";
  throw new Refusal(401, "Please log in again", message);
}
