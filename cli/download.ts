import { readFile } from "node:fs/promises";
import { messageOf } from "../kube/errors.ts";
import { UsageError } from "../program.ts";
import { printable } from "../printable.ts";

export interface DownloadOptions {
  /** What is expected there, for messages: `a provider's export page`. */
  what?: string;
  accept: string;
  /** Shown in the header `Authorization`; redirects are then refused. */
  token?: string;
  /** Sent by POST; redirects are then refused. */
  post?: { body: string | URLSearchParams; headers?: Record<string, string> };
  /** Trusted besides the usual authorities; PEM. */
  certificates?: string;
  timeoutMs?: number;
}

/** Whatever a provider has to say fits in here many times. */
const MAX_BYTES = 1024 * 1024;
const MAX_REDIRECTS = 5;

/** @throws {UsageError} when the file holds no certificate */
export async function readCertificates(path: string): Promise<string> {
  let pem: string;
  try {
    pem = await readFile(path, "utf8");
  } catch (cause) {
    throw new UsageError(`cannot read the certificates in '${path}'`, { cause });
  }
  if (!pem.includes("-----BEGIN CERTIFICATE-----")) {
    throw new UsageError(`cannot use '${path}': it holds no PEM encoded certificate`);
  }
  return pem;
}

/**
 * Fetches a small text from a stranger. Redirects are followed on the same host only, and nothing is sent but
 * `token` and `post`.
 *
 * @throws {Error} saying what happened at which URL, and what to do about it
 */
export async function download(url: URL, options: DownloadOptions, signal: AbortSignal): Promise<string> {
  const { timeoutMs = 30_000, certificates } = options;
  const timeout = AbortSignal.timeout(timeoutMs);
  const client = certificates ? createClient(certificates) : undefined;
  try {
    return await follow(url, options, client, AbortSignal.any([signal, timeout]));
  } catch (error) {
    signal.throwIfAborted();
    if (timeout.aborted) throw failure(url, `no complete answer within ${timeoutMs / 1000} s`);
    throw error;
  } finally {
    client?.close();
  }
}

function createClient(certificates: string): Deno.HttpClient {
  try {
    return Deno.createHttpClient({ caCerts: [certificates] });
  } catch (cause) {
    throw new UsageError("cannot use the given CA certificates", { cause });
  }
}

async function follow(
  start: URL,
  { what, accept, token, post }: DownloadOptions,
  client: Deno.HttpClient | undefined,
  signal: AbortSignal,
): Promise<string> {
  let url = start;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    let response: Response;
    try {
      const sent = post && { method: "POST", body: post.body };
      const headers = { accept, ...(token && { authorization: `Bearer ${token}` }), ...post?.headers };
      response = await fetch(url, { ...sent, headers, redirect: "manual", signal, client });
    } catch (cause) {
      throw failure(url, whyUnreachable(cause, url));
    }
    const location = response.headers.get("location");
    if (response.status >= 300 && response.status < 400 && location !== null) {
      await response.body?.cancel();
      if (post || token) throw failure(url, "it redirects, where it should answer");
      url = nextStop(url, location);
      continue;
    }
    const text = await readText(response, url);
    if (!response.ok) {
      throw failure(url, `${response.status} ${response.statusText}${firstLine(text)}`, what);
    }
    const type = response.headers.get("content-type") ?? "";
    if (/\bhtml\b/i.test(type) || /^\s*<(!doctype|html)/i.test(text)) {
      throw failure(url, "it answers with a web page", what);
    }
    return text;
  }
  throw failure(start, `more than ${MAX_REDIRECTS} redirects`);
}

function nextStop(from: URL, location: string): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  const sameHost = to?.hostname === from.hostname;
  const upgrade = from.protocol === "http:" && to?.protocol === "https:";
  if (to && sameHost && (to.origin === from.origin || upgrade)) return to;
  throw failure(
    from,
    `it redirects to ${printable(to?.href ?? location, 200)}; if you trust that place, give its URL instead`,
  );
}

async function readText(response: Response, url: URL): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body ?? []) {
      size += chunk.length;
      if (size > MAX_BYTES) break; // which also stops the transfer
      chunks.push(chunk);
    }
  } catch (cause) {
    throw failure(url, `the answer broke off (${lastPart(messageOf(cause))})`);
  }
  if (size > MAX_BYTES) throw failure(url, `the answer is larger than ${MAX_BYTES / 1024} KiB`);
  return await new Blob(chunks as Uint8Array<ArrayBuffer>[]).text();
}

/** The message says it all: what `fetch` throws is long, and begins with the whole URL. */
function failure(url: URL, why: string, what?: string): Error {
  const hint = what ? `; is this the URL of ${what}?` : "";
  return new Error(`Cannot get ${url.origin}${url.pathname}: ${why}${hint}`);
}

function whyUnreachable(cause: unknown, url: URL): string {
  const text = messageOf(cause);
  if (/Connection refused/i.test(text)) return "nothing listens there (connection refused)";
  if (/dns error|lookup address/i.test(text)) return `the host name ${url.hostname} cannot be resolved`;
  if (/invalid peer certificate/.test(text)) {
    return `its TLS certificate does not verify (${lastPart(text)}); --provider-ca-file adds an authority to trust`;
  }
  if (/corrupt message/.test(text)) return "it does not speak TLS; is it an http:// URL?";
  if (/connection closed before/.test(text)) return "it closed the connection without an answer";
  return lastPart(text);
}

const lastPart = (text: string) => printable(text.split(/: (?=[^:]*$)/).at(-1) ?? text, 200);

/** What a server says about its refusal: the detail of a problem document (RFC 9457), or a line of text. */
const firstLine = (text: string) => {
  const detail = /^\s*\{/.test(text) ? /"detail":"([^"\\]*)"/.exec(text)?.[1] : undefined;
  const line = printable(detail ?? text.trimStart().split("\n", 1)[0] ?? "", 200).trim();
  return line && !line.startsWith("<") ? `: ${line}` : "";
};
