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
