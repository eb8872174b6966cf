import type { Context } from "hono";
import type { AppDeps, AppEnv } from "../app.ts";
import { CataloguePage } from "../pages/catalogue.tsx";
import { readApis, readQuery } from "../query.ts";
import { bindHref, visitorOf } from "../visitor.ts";

/** The page on which a person chooses APIs. */
export const resourcesRoute = (deps: AppDeps) => async (c: Context<AppEnv>) => {
  const { prettyName, catalogue, autoSelect, offerLists } = deps;
  const { session, visitor } = await visitorOf(c, deps);
  const automatic = autoSelect && catalogue.find(autoSelect, session);
  if (automatic) return c.redirect(bindHref(visitor, automatic.api));

  const { q: search = "" } = readQuery(c, "q");
  const list = offerLists.render(session, visitor, { search, chosen: readApis(c) });
  const { clusterId, sessionId } = session;
  return c.html(<CataloguePage {...{ prettyName, visitor, clusterId, sessionId, search, ...list }} />);
};
