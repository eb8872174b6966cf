import { deepEqual, throws } from "node:assert/strict";
import { UsageError } from "../program.ts";
import { readTokenSource, type TokenFlags } from "./token_options.ts";

const client = { clientId: "ci", clientSecretFile: "f", issuer: "https://sso.example" };

const cases: [name: string, flags: TokenFlags, want: object][] = [
  ["a person with another device", {}, { kind: "device" }],
  ["a token in a file", { identityTokenFile: "t" }, { kind: "file", path: "t" }],
  ["a client with its secret", client, {
    kind: "client",
    issuerUrl: "https://sso.example",
    clientId: "ci",
    secret: { path: "f" },
  }],
];
for (const [name, flags, want] of cases) {
  Deno.test(`readTokenSource() takes ${name}`, () => deepEqual(readTokenSource(flags, {}), want));
}

const refused: [flags: TokenFlags, why: RegExp][] = [
  [{ issuer: client.issuer }, /^'--issuer' needs '--client-id'/],
  [{ ...client, clientId: undefined }, /^'--client-secret-file' needs '--client-id'/],
  [{ clientId: "ci" }, /^'--client-id' needs '--client-secret-file', or \$KLUTCH_CLIENT_SECRET$/],
  [{ ...client, issuer: undefined }, /^'--client-id' needs '--issuer'/],
  [{ ...client, issuer: "sso.example" }, /^invalid URL 'sso\.example'/],
  [{ ...client, identityTokenFile: "t" }, /^'--identity-token-file' excludes '--client-id'/],
  [{ issuer: client.issuer, identityTokenFile: "t" }, /^'--identity-token-file' excludes '--issuer'/],
];
for (const [flags, message] of refused) {
  Deno.test(`readTokenSource() refuses ${Object.keys(flags).join(", ")}: ${message.source}`, () =>
    throws(
      () => readTokenSource(flags, {}),
      (error: Error) => error instanceof UsageError && message.test(error.message),
    ));
}
