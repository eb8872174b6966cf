import { createHash } from "node:crypto";
import { SCRIPT } from "./script.ts";
import { STYLE } from "./style.ts";

/** The hash makes another address of another content, so that browsers may keep what they have. */
const pathOf = (name: string, text: string) =>
  `/${name}?v=${createHash("sha256").update(text).digest("hex").slice(0, 8)}`;

export const STYLE_PATH = pathOf("klutch.css", STYLE);
export const SCRIPT_PATH = pathOf("klutch.js", SCRIPT);

/** What pages load besides themselves, by path. */
export const ASSETS: ReadonlyMap<string, { type: string; text: string }> = new Map([
  ["/klutch.css", { type: "text/css; charset=utf-8", text: STYLE }],
  ["/klutch.js", { type: "text/javascript; charset=utf-8", text: SCRIPT }],
]);
