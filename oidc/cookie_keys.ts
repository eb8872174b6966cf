import { OidcError } from "./errors.ts";

/** The configured secrets that all keys of cookies and login states are derived from. */
export interface CookieKeys {
  /** 32 or 64 bytes. */
  signing: Uint8Array;
  /** 16, 24 or 32 bytes. */
  encryption?: Uint8Array;
}

/**
 * Reads the configured cookie keys, e.g. from `openssl rand -base64 32`. The encryption key is optional, since cookies
 * are always encrypted, with keys derived from both.
 *
 * @throws {OidcError} `configuration`, saying which key is wrong and how to make a good one, but not its value
 */
export function parseCookieKeys(
  { signingKey, encryptionKey }: { signingKey: string; encryptionKey?: string },
): CookieKeys {
  const signing = parseKey("cookie signing key", signingKey, [32, 64]);
  if (!encryptionKey) return { signing };
  return { signing, encryption: parseKey("cookie encryption key", encryptionKey, [16, 24, 32]) };
}

function parseKey(name: string, text: string, sizes: number[]): Uint8Array {
  const wanted = `base64 of ${sizes.join(" or ")} bytes; make one with: openssl rand -base64 32`;
  const key = decodeBase64(text.trim());
  if (!key) throw new OidcError("configuration", `The ${name} is not base64: it has to be ${wanted}`);
  if (!sizes.includes(key.length)) {
    throw new OidcError("configuration", `The ${name} has ${key.length} bytes: it has to be ${wanted}`);
  }
  return key;
}

function decodeBase64(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  } catch {
    return undefined;
  }
}

/**
 * A 256-bit key for one purpose, so that a value made for one is worthless for another. Deterministic: the same
 * configured keys give the same derived key on every replica and after a restart.
 */
export async function deriveKey(keys: CookieKeys, purpose: string): Promise<Uint8Array<ArrayBuffer>> {
  const secret = await crypto.subtle.importKey("raw", new Uint8Array(keys.signing), "HKDF", false, ["deriveBits"]);
  const { encryption = [] } = keys;
  const parameters = {
    name: "HKDF",
    hash: "SHA-256",
    // With its length, since HMAC takes trailing zeros, and a key of zeros, for no key at all.
    salt: new Uint8Array([encryption.length, ...encryption]),
    info: new TextEncoder().encode(`klutch ${purpose}`),
  };
  return new Uint8Array(await crypto.subtle.deriveBits(parameters, secret, 256));
}
