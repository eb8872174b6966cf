import type { Context } from "hono";
import type { Session } from "../oidc/session.ts";
import type { AppDeps } from "./app.ts";
import type { Visitor } from "./pages/frame.tsx";
import { readQuery, readSessionId } from "./query.ts";
import { sessionOf } from "./session_of.ts";

/** Whose page it is that is asked for. @throws {Refusal} when nobody is logged in */
export async function visitorOf(c: Context, deps: AppDeps): Promise<{ session: Session; visitor: Visitor }> {
  const sessionId = readSessionId(readQuery(c, "s").s);
  const { session, sealed } = await sessionOf(c, sessionId, deps);
  const { email, name, subject } = session;
  const query = new URLSearchParams({ s: sessionId }).toString();
  return { session, visitor: { user: email ?? name ?? subject, query, token: await deps.bindTokens.issue(sealed) } };
}

/** The link that binds one API. */
export const bindHref = ({ query, token }: Visitor, { plural, group }: { plural: string; group: string }): string =>
  `/bind?${query}&${new URLSearchParams({ resource: plural, group, token })}`;
