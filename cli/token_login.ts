import { readFile } from "node:fs/promises";
import { type BindRequest } from "../crds/bind_request.ts";
import { API_VERSION } from "../crds/names.ts";
import { parseJson } from "../kube/json.ts";
import { counted } from "../kube/plural.ts";
import { isLoopback } from "../oidc/issuer_fetch.ts";
import type { DeviceCode } from "../oidc/token_grants.ts";
import { UsageError } from "../program.ts";
import { type BoundIdentity, readBindingResponse } from "./binding_response.ts";
import { download } from "./download.ts";
import { printable } from "../printable.ts";
import type { ProviderInfo, TokenWay } from "./provider_info.ts";
import { qrCode } from "./qr_code.ts";
import type { Terminal } from "./terminal.ts";

/** How a command gets its token: from a file, by a program's own credentials, or from a person on another device. */
export type TokenSource =
  | { kind: "file"; path: string }
  | { kind: "client"; issuerUrl: string; clientId: string; secret: { path: string } | { text: string } }
  | { kind: "device" };

export interface TokenLoginDeps {
  provider: ProviderInfo;
  /** Trusted when talking to provider and issuer; PEM. */
  certificates?: string;
  terminal: Terminal;
}

/** Logs in without a browser of ours, and binds what is asked for. */
export async function logInByToken(
  source: TokenSource,
  wanted: Omit<BindRequest, "kind" | "apiVersion">,
  deps: TokenLoginDeps,
  signal: AbortSignal,
): Promise<BoundIdentity> {
  const { provider: { name, tokenWay }, certificates } = deps;
  if (!tokenWay) {
    throw new Error(
      `Cannot bind without a browser: ${name} offers no login by token; leave out --non-interactive, ` +
        "or ask whoever runs it",
    );
  }
  const token = await obtainToken(source, tokenWay.bindUrl, { ...deps, tokenWay }, signal);
  const request: BindRequest = { kind: "BindRequest", apiVersion: API_VERSION, ...wanted };
  const text = await download(tokenWay.bindUrl, {
    accept: "application/json",
    post: {
      body: JSON.stringify(request),
      headers: { "content-type": "application/json" },
    },
    token,
    timeoutMs: 90_000,
    certificates,
  }, signal);
  return readBindingResponse(parseJson(text), wanted.sessionID, { isDryRun: wanted.dryRun, apis: wanted.apis });
}

/**
 * Gets a token for this URL of the provider.
 *
 * @throws {Error} before anything is sent, where it would travel in the open
 */
export async function obtainToken(
  source: TokenSource,
  url: URL,
  { provider, tokenWay, certificates: caData, terminal }: TokenLoginDeps & { tokenWay: TokenWay },
  signal: AbortSignal,
): Promise<string> {
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    throw new Error(`Cannot log in: the provider wants the token at ${url.href}, which is not encrypted`);
  }
  const { issuerUrl, deviceClientId, scopes, audiences } = tokenWay;
  const programs = `${provider.name} lets no programs in, only people by device code`;
  switch (source.kind) {
    case "file": {
      if (audiences.length === 0) throw new Error(`Cannot log in: ${programs}`);
      return await readSecret(source.path, "--identity-token-file");
    }
    case "client": {
      if (audiences.length === 0) throw new Error(`Cannot log in: ${programs}`);
      if (URL.parse(source.issuerUrl)?.href !== URL.parse(issuerUrl)?.href) {
        throw new Error(
          `Cannot log in: the provider takes tokens of ${issuerUrl}, and the secret is for --issuer ${source.issuerUrl}; ` +
            "it is not sent anywhere else",
        );
      }
      const { clientId, secret } = source;
      const clientSecret = "text" in secret ? secret.text : await readSecret(secret.path, "--client-secret-file");
      const { clientCredentials } = await import("../oidc/token_grants.ts");
      const client = { issuerUrl, clientId, clientSecret, caData };
      return await clientCredentials(client, { audience: audiences[0] }, signal);
    }
    case "device": {
      if (!deviceClientId) {
        throw new Error(
          `Cannot log in: ${provider.name} has no login by device code; ` +
            "give --identity-token-file, or --client-id with --issuer",
        );
      }
      const { deviceLogin } = await import("../oidc/token_grants.ts");
      const show = (code: DeviceCode) => showCode(code, terminal);
      return await deviceLogin({ issuerUrl, clientId: deviceClientId, caData }, { scopes, show }, signal);
    }
  }
}

function showCode({ url, completeUrl, code, expiresInSeconds }: DeviceCode, terminal: Terminal): void {
  const minutes = Math.max(1, Math.round(expiresInSeconds / 60));
  terminal.say(
    `\n\nTo authenticate, visit on any device, within ${counted(minutes, "minute")}:\n\n\t${printable(url, 500)}\n\n` +
      `and enter the code:\n\n\t${printable(code, 100)}\n`,
  );
  if (terminal.isLive) terminal.say(qrCode(printable(completeUrl ?? url, 500)));
}

async function readSecret(path: string, flag: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw new UsageError(`cannot read '${path}' of ${flag}`, { cause });
  }
  const secret = text.trim();
  if (secret && !/\s/.test(secret)) return secret;
  throw new UsageError(`cannot use '${path}' of ${flag}: it has to hold one word, and nothing else`);
}
