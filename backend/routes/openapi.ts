import type { Context } from "hono";
import type { AppDeps } from "../app.ts";
import { type DescribedRoute, openApiDocument, type Operation } from "../openapi.ts";

/** What this address answers. */
export const openApiOperation: Operation = {
  operationId: "getOpenApi",
  summary: "This document",
  security: [],
  responses: {
    200: { description: "OpenAPI 3.1.", content: { "application/json": { schema: { type: "object" } } } },
    304: { description: "It is still what `if-none-match` names." },
  },
};

/** Describes the routes that programs call. */
export const openApiRoute = (routes: () => readonly DescribedRoute[]) => (deps: AppDeps) => {
  const text = openApiDocument(routes(), deps);
  return (c: Context) => c.body(text, 200, { "content-type": "application/json", "cache-control": "no-cache" });
};
