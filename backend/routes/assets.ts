import type { Context } from "hono";
import type { AppEnv } from "../app.ts";
import { ASSETS } from "../pages/assets.ts";

/** Style sheet and script of the pages; their addresses change with their content. */
export const assetRoute = (c: Context<AppEnv>) => {
  const { type, text } = ASSETS.get(c.req.path)!;
  return c.body(text, 200, { "content-type": type, "cache-control": "public, max-age=31536000, immutable" });
};
