import { createHash } from "node:crypto";

/** Of a label's value, and of a namespace's name. */
export const LONGEST_LABEL = 63;

/** A text that fits; a longer one is cut, and tells itself from others by a hash. */
export const boundedName = (text: string, longest = LONGEST_LABEL): string =>
  text.length <= longest ? text : hashedName(text, text, longest);

/**
 * Names that a namespace may have, in the order in which they are tried: the plain one, which data of today lives under,
 * and one with a hash for when the plain one is no name of a namespace, or taken by somebody else.
 *
 * @param identity what no other namespace is made for, e.g. `<cluster namespace>/<consumer namespace>`
 */
export function namespaceNames(plain: string, identity: string): string[] {
  const hashed = hashedName(plain.replaceAll(".", "-"), identity, LONGEST_LABEL);
  return plain.length > LONGEST_LABEL || plain.includes(".") ? [hashed] : [plain, hashed];
}

function hashedName(text: string, identity: string, longest: number): string {
  const hash = createHash("sha256").update(identity).digest("hex").slice(0, 10);
  return `${text.slice(0, longest - hash.length - 1).replace(/[-._]+$/, "")}-${hash}`;
}
