import { createHash } from "node:crypto";

const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** One big-endian number in base 62, without leading zeros; `""` for zero bytes is `0`. Go: `big.Int.Text(62)`. */
export function toBase62(bytes: Uint8Array): string {
  let rest = bytes.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
  let text = "";
  do {
    text = DIGITS[Number(rest % 62n)] + text;
    rest /= 62n;
  } while (rest > 0n);
  return text;
}

/** Hash of a text as it appears in names and annotations: at most 38 letters and digits. */
export const hashBase62 = (text: string): string => toBase62(createHash("sha224").update(text).digest());

const ID_LENGTH = 6;

/** Id of an app cluster, 6 characters: the same as long as its `klutch-bind` namespace lives. */
export const clusterId = (namespaceUid: string): string => hashBase62(namespaceUid).slice(0, ID_LENGTH);

/** Id of one login, 6 characters: what ties the browser's answer to the command line that waits for it. */
export const newSessionId = (randomBytes = () => crypto.getRandomValues(new Uint8Array(28))): string =>
  toBase62(randomBytes()).slice(0, ID_LENGTH);
