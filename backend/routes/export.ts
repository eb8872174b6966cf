import type { Context } from "hono";
import { bindingProvider } from "../binding_documents.ts";
import type { AppDeps } from "../app.ts";

/** Tells command lines where to log in. */
export const exportRoute = (deps: AppDeps) => (c: Context) => c.json(bindingProvider(deps));
