import type { Command } from "commander";
import { type ProgramContext, UsageError } from "../program.ts";
import type { TokenSource } from "./token_login.ts";
import { parseHttpUrl } from "./url.ts";

/** Values of the flags by which a program logs in. */
export interface TokenFlags {
  identityTokenFile?: string;
  issuer?: string;
  clientId?: string;
  clientSecretFile?: string;
}

const SECRET_VARIABLE = "KLUTCH_CLIENT_SECRET";

/** Flags by which a program logs in; without them, a person does on another device. */
export const addTokenFlags = (command: Command): Command =>
  command
    .option("--identity-token-file <file>", "log in with the token in this file, e.g. that of a CI system")
    .option("--client-id <id>", "log in as this client of the issuer, by its secret")
    .option("--client-secret-file <file>", `file with that secret; otherwise $${SECRET_VARIABLE}`)
    .option("--issuer <url>", "the issuer that the secret is for: it is sent to no other");

/** @throws {UsageError} when the flags do not fit together */
export function readTokenSource(flags: TokenFlags, env: ProgramContext["env"]): TokenSource {
  const { identityTokenFile, clientId, clientSecretFile, issuer } = flags;
  const ofClient = clientId
    ? "--client-id"
    : clientSecretFile
    ? "--client-secret-file"
    : issuer
    ? "--issuer"
    : undefined;
  if (identityTokenFile) {
    if (ofClient) throw new UsageError(`'--identity-token-file' excludes '${ofClient}': one login has to do`);
    return { kind: "file", path: identityTokenFile };
  }
  if (!ofClient) return { kind: "device" };
  if (!clientId) throw new UsageError(`'${ofClient}' needs '--client-id': whose secret it is`);
  const text = env[SECRET_VARIABLE];
  const secret = clientSecretFile ? { path: clientSecretFile } : text ? { text } : undefined;
  if (!secret) throw new UsageError(`'--client-id' needs '--client-secret-file', or $${SECRET_VARIABLE}`);
  if (!issuer) throw new UsageError("'--client-id' needs '--issuer', too: where the secret may be sent");
  parseHttpUrl(issuer);
  return { kind: "client", issuerUrl: issuer, clientId, secret };
}
