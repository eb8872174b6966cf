import type { Context } from "hono";
import { bindingProvider } from "../binding_documents.ts";
import type { AppDeps } from "../app.ts";
import { answerOf, type Operation, problems } from "../openapi.ts";

/** What this address answers. */
export const exportOperation: Operation = {
  operationId: "getProvider",
  summary: "Where and how to log in",
  security: [],
  responses: { 200: answerOf("BindingProvider", "What the provider says of itself."), ...problems(429) },
};

/** Tells command lines where to log in. */
export const exportRoute = (deps: AppDeps) => (c: Context) => c.json(bindingProvider(deps));
