import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";

/** Lax, since both have to come along when the issuer sends the browser back to us. */
const attributes = (isSecure: boolean) => ({ path: "/", httpOnly: true, sameSite: "Lax", secure: isSecure } as const);

/** With the prefix, browsers take it only from this very host over HTTPS; over HTTP they refuse the prefix. */
const hostName = (name: string, isSecure: boolean) => isSecure ? `__Host-${name}` : name;

const sessionCookie = (sessionId: string, isSecure: boolean) => hostName(`klutch-bind-${sessionId}`, isSecure);

export const readSession = (c: Context, sessionId: string, isSecure: boolean): string | undefined =>
  getCookie(c, sessionCookie(sessionId, isSecure));

export function writeSession(
  c: Context,
  { sessionId, sealed, expires, isSecure }: { sessionId: string; sealed: string; expires: Date; isSecure: boolean },
): void {
  setCookie(c, sessionCookie(sessionId, isSecure), sealed, { ...attributes(isSecure), expires });
}

export const clearSession = (c: Context, sessionId: string, isSecure: boolean): void =>
  void deleteCookie(c, sessionCookie(sessionId, isSecure), attributes(isSecure));

export const readLogin = async (c: Context, state: string, isSecure: boolean): Promise<string | undefined> =>
  getCookie(c, await loginCookie(state, isSecure));

export async function writeLogin(
  c: Context,
  { state, browserSecret, expires, isSecure }: {
    state: string;
    browserSecret: string;
    expires: Date;
    isSecure: boolean;
  },
): Promise<void> {
  setCookie(c, await loginCookie(state, isSecure), browserSecret, { ...attributes(isSecure), expires });
}

export async function clearLogin(c: Context, state: string, isSecure: boolean): Promise<void> {
  deleteCookie(c, await loginCookie(state, isSecure), attributes(isSecure));
}

/** One cookie per login, so that two of them in one browser do not get into each other's way. */
async function loginCookie(state: string, isSecure: boolean): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(state)));
  return hostName(`klutch-login-${digest.slice(0, 8).toHex()}`, isSecure);
}
