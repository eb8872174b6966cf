import type { Context } from "hono";
import type { AppDeps, AppEnv } from "../app.ts";
import { readApis, readQuery } from "../query.ts";
import { bindHref, visitorOf } from "../visitor.ts";

/** The page on which a person chooses APIs. */
export const resourcesRoute = (deps: AppDeps) => async (c: Context<AppEnv>) => {
  const { catalogue, autoSelect, cataloguePages } = deps;
  const { session, visitor } = await visitorOf(c, deps);
  const automatic = autoSelect && catalogue.find(autoSelect, session);
  if (automatic) return c.redirect(bindHref(visitor, automatic.api));

  const { q: search = "" } = readQuery(c, "q");
  const page = cataloguePages.render(session, visitor, { search, chosen: readApis(c) });
  return c.body(page, 200, { "content-type": "text/html; charset=UTF-8" });
};
