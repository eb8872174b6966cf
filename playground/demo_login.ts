import { type HttpBrowser, type Page } from "./browser.ts";

const TRIES = 50;
const PAUSE_MS = 200;

export interface LoginSteps {
  /** The page that the command line asked to visit. */
  url: string;
  /** Any name will do at the embedded issuer. */
  user: string;
  /** Plural of the API to bind. */
  api: string;
  /** Told after each page. */
  tell: (what: string) => void;
}

/**
 * Does what a person does in the browser: logs in at the issuer, finds the API on the provider's page, clicks Bind.
 *
 * @throws {Error} saying which page came instead
 */
export async function logInAndBind(browser: HttpBrowser, steps: LoginSteps, signal: AbortSignal): Promise<void> {
  const { url, user, api, tell } = steps;
  const login = expectOk(await browser.open(url, signal), "the login page");
  tell(`opened ${originOf(url)}, was sent to the issuer at ${login.url.origin}`);

  let page = expectOk(await browser.submit(login.form("login"), { login: user }, signal), "the page of APIs");
  // An API that was put on offer a moment ago may need a reload.
  for (let left = TRIES; left > 0 && !page.links.some(({ classes }) => classes.includes(api)); left--) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    page = expectOk(await browser.open(page.url, signal), "the page of APIs");
  }
  tell(`logged in as ${user}; back at ${originOf(url)}: "${page.title}"`);

  expectOk(await browser.click(page.link(api), signal), "the command line's answer");
  tell(`clicked Bind at ${api}`);
}

const originOf = (url: string) => new URL(url).origin;

function expectOk(page: Page, expected: string): Page {
  if (page.status >= 200 && page.status < 300) return page;
  const { origin, pathname } = page.url;
  throw new Error(`Instead of ${expected}, ${origin}${pathname} answered ${page.status}: ${page.text.slice(0, 300)}`);
}
