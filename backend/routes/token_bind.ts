import type { Context } from "hono";
import { BindRequest } from "../../crds/bind_request.ts";
import { decodeJson } from "../../crds/check.ts";
import { API_VERSION } from "../../crds/names.ts";
import { admitBearer } from "../admit.ts";
import type { AppDeps, AppEnv } from "../app.ts";
import { bearerOf } from "../bearer.ts";
import { bindingResponse } from "../binding_documents.ts";
import { handOver } from "../hand_over.ts";
import { answerOf, bodyOf, type Operation, problems } from "../openapi.ts";
import { readApiNames, readBody, readValid } from "../query.ts";

/** What this address takes and answers. */
export const tokenBindOperation: Operation = {
  operationId: "bind",
  summary: "Bind APIs with a token instead of a login by browser",
  description: "May be repeated: the same identity with the same app cluster keeps its contract.",
  requestBody: bodyOf("BindRequest", "application/json", {
    kind: "BindRequest",
    apiVersion: API_VERSION,
    sessionID: "Abc123",
    clusterID: "7Xk2p",
    apis: ["postgresqlinstances.anynines.com"],
    dryRun: true,
  }),
  responses: {
    200: answerOf("BindingResponse", "The credential, unless it is a dry run, and what to ask for with it."),
    ...problems(400, 401, 403, 404, 408, 413, 415, 429),
  },
};

/** Binds for whoever shows a token of an issuer, by the same rules as after a login by browser. */
export const tokenBindRoute = (deps: AppDeps) => async (c: Context<AppEnv>) => {
  const person = admitBearer(deps, await bearerOf(c, deps));
  const text = await readBody(c, "application/json");
  const { clusterID, sessionID, apis, dryRun } = readValid(() => decodeJson(BindRequest, text));
  const offers = readApiNames(apis).map((name) => deps.catalogue.get(name, person));
  const who = { ...person, sessionId: sessionID, clusterId: clusterID };
  if (dryRun) return c.json(bindingResponse(who, offers));
  return c.json(await handOver(c, deps, { who, offers, by: "token" }));
};
