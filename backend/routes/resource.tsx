import type { Context } from "hono";
import type { AppDeps, AppEnv } from "../app.ts";
import { ApiPage } from "../pages/api.tsx";
import { readApis } from "../query.ts";
import { Refusal } from "../refusal.ts";
import { bindHref, visitorOf } from "../visitor.ts";

/** The page about one API. */
export const resourceRoute = (deps: AppDeps) => async (c: Context<AppEnv>) => {
  const { prettyName, catalogue, describe } = deps;
  const { session, visitor } = await visitorOf(c, deps);
  const [name] = readApis(c, "name");
  if (!name) throw new Refusal(400, "This link is broken", "It names no API. Go back to the catalogue.");
  const offer = catalogue.get(name, session);
  const schema = await describe(offer, deps.signal); // and not the request's: somebody else may wait for the same
  return c.html(<ApiPage {...{ prettyName, visitor, offer, schema }} href={bindHref(visitor, offer.api)} />);
};
