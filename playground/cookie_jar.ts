interface Cookie {
  name: string;
  value: string;
  host: string;
  /** False: sent to subdomains of `host` as well. */
  hostOnly: boolean;
  path: string;
  secure: boolean;
  sameSite: "strict" | "lax" | "none";
  /** Milliseconds since 1970; undefined is as long as the browser runs. */
  expiresAt?: number;
}

/** How a request comes about; decides which SameSite cookies it carries. */
export interface RequestOrigin {
  method: string;
  /** The page whose link or form leads to the request; undefined for a typed address. */
  initiator?: URL;
}

/** The cookies of one browser (RFC 6265bis), kept and sent as browsers do it for pages, not for scripts. */
export class CookieJar {
  #cookies: Cookie[] = [];

  /** Takes over what an answer of `url` sets; what a browser would refuse is dropped silently, as browsers do. */
  store(url: URL, setCookies: string[], now = Date.now()): void {
    for (const line of setCookies) {
      const cookie = parse(line, url, now);
      if (!cookie) continue;
      const { name, host, path } = cookie;
      this.#cookies = this.#cookies.filter((old) => old.name !== name || old.host !== host || old.path !== path);
      if (cookie.expiresAt === undefined || cookie.expiresAt > now) this.#cookies.push(cookie);
    }
  }

  /** The Cookie header of a request that navigates to `url`; empty when there is nothing to send. */
  header(url: URL, { method, initiator }: RequestOrigin, now = Date.now()): string {
    const isSameSite = !initiator || (initiator.hostname === url.hostname && initiator.protocol === url.protocol);
    return this.#cookies
      .filter(({ host, hostOnly }) => url.hostname === host || (!hostOnly && url.hostname.endsWith(`.${host}`)))
      .filter(({ path }) => url.pathname === path || url.pathname.startsWith(path.endsWith("/") ? path : `${path}/`))
      .filter(({ secure }) => !secure || isTrustworthy(url))
      .filter(({ sameSite }) => isSameSite || sameSite === "none" || (sameSite === "lax" && method === "GET"))
      .filter(({ expiresAt }) => expiresAt === undefined || expiresAt > now)
      .sort((one, other) => other.path.length - one.path.length)
      .map(({ name, value }) => `${name}=${value}`)
      .join("; ");
  }
}

/** Browsers treat loopback like HTTPS. */
const isTrustworthy = ({ protocol, hostname }: URL) =>
  protocol === "https:" || hostname === "localhost" || hostname === "[::1]" || hostname.startsWith("127.");

function parse(line: string, url: URL, now: number): Cookie | undefined {
  const [pair = "", ...rest] = line.split(";");
  const [name, value] = split(pair);
  const attributes = new Map(rest.map(split).map(([key, text]) => [key.toLowerCase(), text]));
  const domain = attributes.get("domain")?.replace(/^\./, "").toLowerCase();
  const path = attributes.get("path")?.startsWith("/") ? attributes.get("path")! : defaultPath(url);
  const secure = attributes.has("secure");
  const sameSite = attributes.get("samesite")?.toLowerCase();
  if (!name || (secure && !isTrustworthy(url)) || (sameSite === "none" && !secure)) return undefined;
  if (domain && domain !== url.hostname && !url.hostname.endsWith(`.${domain}`)) return undefined;
  if (/^__Secure-/i.test(name) && !secure) return undefined;
  if (/^__Host-/i.test(name) && (!secure || domain !== undefined || path !== "/")) return undefined;
  return {
    name,
    value,
    host: domain || url.hostname,
    hostOnly: !domain,
    path,
    secure,
    sameSite: sameSite === "strict" || sameSite === "none" ? sameSite : "lax",
    expiresAt: expiry(attributes, now),
  };
}

function split(text: string): [name: string, value: string] {
  const at = text.indexOf("=");
  return at < 0 ? [text.trim(), ""] : [text.slice(0, at).trim(), text.slice(at + 1).trim()];
}

const defaultPath = ({ pathname }: URL) => pathname.slice(0, Math.max(1, pathname.lastIndexOf("/")));

function expiry(attributes: Map<string, string>, now: number): number | undefined {
  const maxAgeSeconds = attributes.get("max-age");
  if (maxAgeSeconds && /^-?\d+$/.test(maxAgeSeconds)) return now + Number(maxAgeSeconds) * 1000;
  const expires = Date.parse(attributes.get("expires") ?? "");
  return Number.isNaN(expires) ? undefined : expires;
}
