import { formatKey, keyOf } from "../../kube/types.ts";
import { printableLines } from "../../printable.ts";
import type { Style } from "../style.ts";
import { toYaml } from "../yaml.ts";
import type { Change } from "./change.ts";
import { unifiedHunks } from "./unified.ts";

/** All changes as one unified diff; `""` when there are none to be seen. */
export const formatChanges = (changes: readonly Change[], style: Style): string =>
  changes.map((change) => formatChange(change, style)).join("");

/** `provider/mangodbs.mangodb.com/klutch-x7k2p-shop/orders` */
export const pathOf = ({ side, resource, before, after }: Change): string =>
  `${side.replace(" ", "-")}/${resource}/${formatKey(keyOf((before ?? after)!))}`;

function formatChange(change: Change, style: Style): string {
  const { before, after } = change;
  const hunks = unifiedHunks(before ? toYaml(before) : "", after ? toYaml(after) : "");
  const path = pathOf(change);
  const head = [`--- ${path}${before ? "" : " (none)"}`, `+++ ${path}${after ? "" : " (none)"}`].map(style.strong);
  const body = printableLines(hunks).split("\n").slice(0, -1).map(style.diff);
  return hunks && [...head, ...body, ""].join("\n");
}
