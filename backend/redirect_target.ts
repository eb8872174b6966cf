import { isLoopback } from "../oidc/issuer_fetch.ts";
import { Refusal } from "./refusal.ts";

const LONGEST_URL = 2000;

/**
 * Where the answer of a login goes, with the credential in it: a port of the person's own machine, or a configured origin.
 *
 * @param target `u`, a URL, or `p`, a port on which `/callback` is served; `u` wins
 * @throws {Refusal} for all other places
 */
export function readRedirectTarget(target: { u?: string; p?: string }, allowedOrigins: readonly string[]): string {
  if (!target.u) return `http://localhost:${readPort(target.p ?? "")}/callback`;
  const url = target.u.length <= LONGEST_URL ? URL.parse(target.u) : null;
  // A user name in front of the host is there to deceive.
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.hash) {
    throw refuse("The address to return to is not a plain http or https URL.");
  }
  if (isLoopback(url.hostname) || allowedOrigins.includes(url.origin)) return url.href;
  throw refuse(
    "The address to return to is neither on your own machine nor one that this provider allows. " +
      "If you did not start this login yourself, somebody else may have wanted your credentials: close this page.",
  );
}

function readPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65535) throw refuse("The port to return to is not a number from 1 to 65535.");
  return port;
}

const refuse = (message: string) => new Refusal(400, "Cannot begin the login", message);
