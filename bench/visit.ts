import { HttpBrowser, type Page } from "../playground/browser.ts";

/** As in appendix B of RFC 7636: what a command line sends along to show that it is the one that asked. */
export const VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/** A person on the catalogue page. */
export interface Visit {
  page: Page;
  /** Cookie header of that person's browser. */
  cookie: string;
}

/**
 * Logs in as the user of one app cluster: somebody else for each, since one person may not bind many in a row. The
 * embedded issuer takes any name.
 *
 * @param address of the backend
 */
export async function logIn(address: string, clusterId: string, signal: AbortSignal): Promise<Visit> {
  using browser = new HttpBrowser();
  const query = new URLSearchParams({ p: "4711", s: clusterId, c: clusterId, code_challenge: CHALLENGE });
  const login = await browser.open(`${address}/authorize?${query}`, signal);
  const page = await browser.submit(login.form("login"), { login: clusterId }, signal);
  if (page.status !== 200) throw new Error(`Cannot log in at ${address}: ${page.status}: ${page.text.slice(0, 300)}`);
  return { page, cookie: browser.cookiesFor(page.url) };
}

/** APIs that the page offers. */
export const offersOf = ({ forms }: Page): string[] =>
  forms.flatMap(({ fields }) => fields).filter(({ name }) => name === "api").map(({ value }) => value);

/** Where a click leads to that binds all of them. */
export function bindAllHref(page: Page): URL {
  const { action, fields } = page.form("token", "api");
  const url = new URL(action);
  for (const { name, value } of fields) url.searchParams.append(name, value);
  return url;
}
