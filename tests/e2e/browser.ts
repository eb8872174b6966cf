import { HttpBrowser, type Page } from "../../playground/browser.ts";
import { within } from "../clusters.ts";

/** What a person saw on the way from the printed URL back to the command line. */
export interface Visit {
  /** The page that lists what is offered. */
  resources: Page;
  /** What the command line's own little server showed at the end. */
  end: Page;
}

/** Opens the printed URL, logs in at the embedded issuer, and clicks `Bind` beside one API. */
export async function logInAndBind(url: string, plural: string, user = "alice"): Promise<Visit> {
  using browser = new HttpBrowser();
  const signal = within(30_000);
  const login = await browser.open(url, signal);
  const resources = await browser.submit(login.form("login"), { login: user }, signal);
  const end = await browser.click(resources.link(plural), signal);
  return { resources, end };
}
