/**
 * Base64 text of a JSON value that reads the same in the standard and in the URL alphabet, so that either decoder
 * takes it: it holds no `+`, `/`, `-` or `_`. In ASCII text only a third byte whose low six bits are 62 or 63 would
 * yield one of them; those are `>`, `?`, `~` and DEL, which JSON can write as `\uXXXX`.
 *
 * @returns padded with `=`, e.g. `eyJzaWQiOiJhYmMifQ==`
 * @throws {TypeError} when `value` has no JSON form
 */
export function encodePortableBase64(value: unknown): string {
  const json = JSON.stringify(value);
  if (json === undefined) throw new TypeError(`Cannot encode a value of type ${typeof value} as JSON`);
  // deno-lint-ignore no-control-regex
  return btoa(json.replace(/[>?~\x7f]|[^\x00-\x7f]/g, escapeCharacter));
}

const escapeCharacter = (character: string) => "\\u" + character.charCodeAt(0).toString(16).padStart(4, "0");

/**
 * The JSON value of base64 text in either alphabet, padded or not.
 *
 * @throws {SyntaxError} when `text` is not base64 of UTF-8 JSON; the message does not repeat it, as it may be a secret
 */
export function decodePortableBase64(text: string): unknown {
  try {
    const bytes = Uint8Array.from(
      atob(text.replaceAll("-", "+").replaceAll("_", "/")),
      (character) => character.charCodeAt(0),
    );
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new SyntaxError("Cannot decode the text: it is not base64 of JSON");
  }
}
