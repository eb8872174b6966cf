import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createHandler } from "./embedded_login.ts";
import { createProvider } from "./embedded_provider.ts";
import { OidcError } from "./errors.ts";
import { isLoopback } from "./issuer_fetch.ts";

export interface EmbeddedIssuerOptions {
  /** On 127.0.0.1; 0 is a free one. */
  port?: number;
  clientId: string;
  /** A client without one is public, and has to use PKCE. */
  clientSecret?: string;
  /** Where logins may return to; loopback only, as the issuer is. */
  redirectUris: string[];
  /** Public client of command lines, which log in by device code only. */
  cliClientId?: string;
  /** URI that access tokens are meant for which programs get by client credentials; they are JWTs then. */
  tokenAudience?: string;
  /** Claim `groups` by user name. */
  groups?: Readonly<Record<string, string[]>>;
  log?: IssuerLog;
}

/** The part of a logger that is used here. */
export interface IssuerLog {
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

export interface EmbeddedIssuer extends AsyncDisposable {
  /** E.g. `http://127.0.0.1:34567`. */
  readonly issuerUrl: string;
}

/**
 * A real OpenID Connect issuer in this process, for demo and tests: everybody may log in under any name, without a
 * password. So it listens on loopback only, and keeps keys, sessions and grants in memory only.
 *
 * The login page is one HTML form with the field `login`; nothing asks for consent. Authorization code (with refresh
 * token), device code and client credentials are on. The user name becomes `sub`.
 *
 * @param signal closes it as well
 * @throws {OidcError} `configuration`, e.g. when the port is taken
 */
export async function openEmbeddedIssuer(options: EmbeddedIssuerOptions, signal: AbortSignal): Promise<EmbeddedIssuer> {
  checkClient(options);
  signal.throwIfAborted();
  const server = await listen(options.port ?? 0);
  let closed: Promise<unknown> | undefined;
  const close = async () => {
    signal.removeEventListener("abort", close);
    if (!closed) {
      closed = once(server, "close");
      server.close();
      server.closeAllConnections();
    }
    await closed;
  };
  try {
    const issuerUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const provider = await createProvider(issuerUrl, options);
    provider.on("server_error", (_context, error) => {
      options.log?.error("embedded OIDC issuer failed", {
        error: error instanceof Error ? error.message : String(error),
      });
    });
    server.on("request", await createHandler(issuerUrl, provider, options));
    signal.throwIfAborted();
    signal.addEventListener("abort", close, { once: true });
    options.log?.warn("embedded OIDC issuer: for development only, anybody may log in under any name", { issuerUrl });
    return { issuerUrl, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function listen(port: number): Promise<Server> {
  const server = createServer();
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return server;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new OidcError("configuration", `Cannot start the embedded OIDC issuer on 127.0.0.1:${port}: ${why}`);
  }
}

function checkClient({ clientId, clientSecret, redirectUris }: EmbeddedIssuerOptions): void {
  // RFC 6749 appendix A; the library would say so only when somebody logs in.
  if (!/^[\x20-\x7e]+$/.test(clientId) || !/^[\x20-\x7e]*$/.test(clientSecret ?? "")) {
    const text = "The OIDC client id and secret have to be printable ASCII characters";
    throw new OidcError("configuration", text);
  }
  for (const uri of redirectUris) {
    const url = URL.parse(uri);
    if (url && ["http:", "https:"].includes(url.protocol) && isLoopback(url.hostname)) continue;
    throw new OidcError(
      "configuration",
      `The embedded OIDC issuer is for this machine only; the callback URL has to be on localhost or 127.0.0.1: "${uri}"`,
    );
  }
}
