import { createHash, randomBytes } from "node:crypto";

const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
/** Length of both ids on the wire. */
const ID_LENGTH = 6;

/** The bytes as one big-endian number in base 62, without padding: Go's `big.Int.Text(62)`. */
export function base62(bytes: Uint8Array): string {
  let number = bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  let text = "";
  do {
    text = DIGITS[Number(number % 62n)] + text;
    number /= 62n;
  } while (number > 0n);
  return text;
}

/**
 * Names this app cluster towards providers: it stays the same as long as the namespace `klutch-bind` does, and a
 * provider keeps one contract per user and cluster id.
 *
 * @param namespaceUid uid of the namespace `klutch-bind`
 */
export function clusterIdOf(namespaceUid: string): string {
  return base62(createHash("sha224").update(namespaceUid).digest()).slice(0, ID_LENGTH);
}

/** Ties the browser's answer to this run; nobody can guess it before the login ends. */
export function createSessionId(): string {
  return base62(randomBytes(28)).padStart(ID_LENGTH, "0").slice(-ID_LENGTH);
}
