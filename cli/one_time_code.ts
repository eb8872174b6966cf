import { download } from "./download.ts";

/** How the answer to a login comes without passing through the browser. */
export interface CodeExchange {
  /** Goes along with the login; the verifier behind it never leaves this process but with the code. */
  codeChallenge: string;
  /** The answer of the provider, JSON, for the code that the browser has brought; each code works once, but for dry runs. */
  redeem(code: string): Promise<string>;
}

/**
 * An exchange with a secret of its own, as in RFC 7636.
 *
 * @param certificates trusted besides the usual authorities; PEM
 */
export async function createExchange(
  responseUrl: URL,
  { certificates, isDryRun }: { certificates?: string; isDryRun: boolean },
  signal: AbortSignal,
): Promise<CodeExchange> {
  const verifier = toText(crypto.getRandomValues(new Uint8Array(32)));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  return {
    codeChallenge: toText(new Uint8Array(digest)),
    async redeem(code) {
      const body = new URLSearchParams({ code, code_verifier: verifier, ...(isDryRun && { dry_run: "true" }) });
      return await download(responseUrl, { accept: "application/json", post: { body }, certificates }, signal);
    },
  };
}

const toText = (bytes: Uint8Array) => bytes.toBase64({ alphabet: "base64url", omitPadding: true });
