import type { Context } from "hono";
import type { AppDeps, AppEnv } from "../app.ts";
import type { Offer } from "../catalogue.ts";
import { ResourcesPage } from "../pages.tsx";
import { readQuery, readSessionId } from "../query.ts";
import { sessionOf } from "../session_of.ts";

/** The page on which a person chooses an API. */
export const resourcesRoute = (deps: AppDeps) => async (c: Context<AppEnv>) => {
  const { prettyName, bindTokens, catalogue, autoSelect } = deps;
  const sessionId = readSessionId(readQuery(c, "s").s);
  const { session, sealed } = await sessionOf(c, sessionId, deps);
  const token = await bindTokens.issue(sealed);
  const bindHref = ({ api: { plural, group } }: Offer) =>
    `/bind?${new URLSearchParams({ s: sessionId, resource: plural, group, token })}`;

  const chosen = autoSelect && catalogue.find(autoSelect, session);
  if (chosen) return c.redirect(bindHref(chosen));
  const { email, name, subject, clusterId } = session;
  return c.html(
    <ResourcesPage
      prettyName={prettyName}
      nonce={c.get("secureHeadersNonce") ?? ""}
      offers={catalogue.list(session)}
      user={email ?? name ?? subject}
      clusterId={clusterId}
      bindHref={bindHref}
    />,
  );
};
