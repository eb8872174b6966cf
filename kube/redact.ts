/** What stands in a log where a secret stood. */
export const REDACTED = "[redacted]";

const SECRET_WORDS = new Set(
  ["token", "tokens", "secret", "secrets", "password", "passwords", "kubeconfig", "authorization", "cookie", "cookies"]
    .concat(["credential", "credentials", "bearer"]),
);
/** `secretName` says which Secret, not what is in it. */
const HARMLESS_ENDINGS = new Set([
  "name",
  "names",
  "namespace",
  "path",
  "file",
  "count",
  "size",
  "version",
  "at",
  "ms",
]);

/** Whether a field of this name is about to show a secret: `idToken`, `client_secret`, `kubeconfig`; not `secretName`. */
export function isSecretName(name: string): boolean {
  const words = name.split(/[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])/).map((word) => word.toLowerCase());
  return words.some((word) => SECRET_WORDS.has(word)) && !HARMLESS_ENDINGS.has(words.at(-1)!);
}

const PATTERNS: [pattern: RegExp, replacement: string][] = [
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{8,}/gi, `$1 ${REDACTED}`],
  [/\beyJ[\w-]{8,}\.[\w-]+(\.[\w-]*)?/g, REDACTED], // a JWT: service account tokens, ID tokens
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g, REDACTED],
  [/(:\/\/)[^\s/@:]+:[^\s/@]+@/g, `$1${REDACTED}@`], // user and password in a URL
];

/** The text without what looks like a token, a private key or a password in a URL. */
export function redactText(text: string): string {
  for (const [pattern, replacement] of PATTERNS) text = text.replace(pattern, replacement);
  return text;
}

/** Before the value of a field, as `k8s.io/apimachinery/pkg/util/validation/field` writes it. */
const QUOTING = /\b(?:Invalid|Unsupported|Duplicate) value: /g;
/** Where the value itself is omitted, the reason follows at once: a word and more words. */
const PROSE = /^[A-Za-z][\w.'-]* /;

/**
 * The message of an API server that refuses an object, without the values that it quotes from it: which field it is, and
 * what is wrong with it, stay.
 */
export function withoutValues(message: string): string {
  let result = "";
  let from = 0;
  const quoted = new Set<string>();
  for (const { index, 0: text } of message.matchAll(QUOTING)) {
    const start = index + text.length;
    if (index < from || PROSE.test(message.slice(start))) continue; // the former is a part of the last value
    const end = endOfValue(message, start);
    const value = message.slice(start, end);
    if (value.startsWith('"')) quoted.add(value);
    result += message.slice(from, start) + (value && "…");
    from = end;
  }
  result += message.slice(from);
  // Some reasons repeat it, as `must be of type date-time: "yesterday"` does.
  for (const value of quoted) result = result.replaceAll(value, "…");
  return result;
}

/** Values are quoted strings, JSON, or what Go prints; one ends at the colon or comma after it. */
function endOfValue(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const character = text[at]!;
    if (character === '"') {
      while (++at < text.length && text[at] !== '"') if (text[at] === "\\") at++;
    } else if ("{[(".includes(character)) depth++;
    else if ("}])".includes(character)) {
      if (--depth < 0) return at;
    } else if (depth === 0 && (character === "," || (character === ":" && text[at + 1] === " "))) return at;
  }
  return text.length;
}
