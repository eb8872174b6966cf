import { OidcError } from "./errors.ts";

/** Metadata, keys and tokens are a few kilobytes; more is a mistake or an attack on our memory. */
const LARGEST_BODY_BYTES = 1 << 20;

export interface IssuerFetchOptions {
  /** The issuer, for messages. */
  issuerUrl: string;
  /** For one request, from connecting to the last byte of the answer. */
  timeoutMs: number;
  /** Carries the CA of a private issuer. */
  client?: Deno.HttpClient;
}

/** What the libraries ask of us, a part of `fetch`. */
export type IssuerFetch = (url: string, init: RequestInit) => Promise<Response>;

/**
 * The `fetch` that all requests to an issuer take: HTTPS, or HTTP on loopback; no redirects; a time-out for the whole
 * answer; no answer larger than 1 MiB. What it throws is an OidcError, and never an abort of the caller's signal.
 */
export function issuerFetch({ issuerUrl, timeoutMs, client }: IssuerFetchOptions, signal: AbortSignal): IssuerFetch {
  return async (url, init) => {
    requireSecure(url, `an endpoint of issuer "${issuerUrl}"`, "issuer_misbehaved");
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const response = await fetch(url, {
        ...init,
        redirect: "manual",
        signal: AbortSignal.any([signal, timeout, ...(init.signal ? [init.signal] : [])]),
        client,
      } as RequestInit);
      const body = await readBody(response);
      if (!body) {
        const limit = `its answer is larger than ${LARGEST_BODY_BYTES} bytes`;
        throw new OidcError("issuer_misbehaved", `Cannot read ${url} of issuer "${issuerUrl}": ${limit}`);
      }
      const { status, statusText, headers } = response;
      const isEmpty = status === 204 || status === 205 || status === 304;
      return new Response(isEmpty ? null : body, { status, statusText, headers });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof OidcError) throw error;
      const why = timeout.aborted ? `no complete answer within ${timeoutMs / 1000} s` : messageOf(error);
      throw new OidcError("issuer_unreachable", `Cannot reach issuer "${issuerUrl}" at ${url}: ${why}`, {
        cause: error,
      });
    }
  };
}

/** @throws {OidcError} with `code`, when whoever sits on the way to `url` could read and change what goes there */
export function requireSecure(url: string, what: string, code: "configuration" | "issuer_misbehaved"): URL {
  const parsed = URL.parse(url);
  if (!parsed) throw new OidcError(code, `The URL of ${what} is not a URL: "${url}"`);
  if (parsed.protocol === "https:" || (parsed.protocol === "http:" && isLoopback(parsed.hostname))) return parsed;
  throw new OidcError(code, `The URL of ${what} has to be https (http is for loopback only): "${url}"`);
}

/** Whether a host of a parsed URL can only be this machine. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/** Undefined when it is too large. */
async function readBody(response: Response): Promise<Blob | undefined> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let sizeBytes = 0;
  for await (const chunk of response.body ?? []) {
    sizeBytes += chunk.length;
    if (sizeBytes > LARGEST_BODY_BYTES) return undefined; // leaving the loop cancels the body
    chunks.push(chunk);
  }
  return new Blob(chunks);
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${messageOf(error.cause)}` : error.message;
}
