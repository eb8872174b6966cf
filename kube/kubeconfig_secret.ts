import type { Secret } from "./resources.ts";

/** The text under one key of a Secret; undefined when there is none, or when it is not UTF-8 in base64. */
export function kubeconfigText(secret: Secret, key: string): string | undefined {
  const base64 = secret.data?.[key];
  if (!base64) return undefined;
  try {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
