import type { Context } from "hono";
import type { ApiOffer, APIOfferList } from "../../crds/api_offer_list.ts";
import { API_VERSION } from "../../crds/names.ts";
import { admitBearer } from "../admit.ts";
import type { AppDeps } from "../app.ts";
import { bearerOf } from "../bearer.ts";
import type { Offer } from "../catalogue.ts";
import { answerOf, type Operation, problems } from "../openapi.ts";

/** What this address answers. */
export const tokenApisOperation: Operation = {
  operationId: "listApis",
  summary: "What is on offer",
  responses: { 200: answerOf("APIOfferList", "What is on offer to whoever asks."), ...problems(401, 403, 429) },
};

/** Tells whoever shows a token what is on offer to them, by the same rules as the page does. */
export const tokenApisRoute = (deps: AppDeps) => async (c: Context) => {
  const person = admitBearer(deps, await bearerOf(c, deps));
  const items = deps.catalogue.list(person).map(toItem);
  return c.json<APIOfferList>({ kind: "APIOfferList", apiVersion: API_VERSION, items });
};

const toItem = ({ api, title, about, documentationUrl, versions, claims }: Offer): ApiOffer => ({
  name: api.name,
  kind: api.kind,
  scope: api.scope,
  versions,
  title,
  ...(about && { description: about }),
  ...(documentationUrl && { documentationURL: documentationUrl }),
  ...(claims.length > 0 && { permissionClaims: claims }),
});
