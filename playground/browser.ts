import { CookieJar } from "./cookie_jar.ts";
import { type Form, type Link, readHtml } from "./html.ts";

export interface HttpBrowserOptions {
  /** PEM certificates trusted in addition to the system's. */
  caData?: string;
  /** For each request, to the last byte of its answer. */
  timeoutMs?: number;
  /** A redirect to an address that begins so is not followed: the page returned then is an empty one of that address. */
  stopAt?: string;
}

const MOST_REDIRECTS = 20;
const REDIRECTS = [301, 302, 303, 307, 308];

/**
 * Visits pages the way a browser without scripts does: cookies, redirects, forms, links, and the headers by which
 * servers tell their own pages' requests from those of others (Origin, Sec-Fetch-Site).
 */
export class HttpBrowser implements Disposable {
  readonly #cookies = new CookieJar();
  readonly #client?: Deno.HttpClient;
  readonly #timeoutMs: number;
  readonly #stopAt?: string;

  constructor({ caData, timeoutMs = 30_000, stopAt }: HttpBrowserOptions = {}) {
    if (caData !== undefined) this.#client = Deno.createHttpClient({ caCerts: [caData] });
    this.#timeoutMs = timeoutMs;
    this.#stopAt = stopAt;
  }

  /** As if somebody typed the address. */
  open(url: string | URL, signal: AbortSignal): Promise<Page> {
    return this.#visit({ url: new URL(url), method: "GET" }, signal);
  }

  click({ href, page }: Link, signal: AbortSignal): Promise<Page> {
    return this.#visit({ url: href, method: "GET", initiator: page }, signal);
  }

  /**
   * Fills in and sends a form. A name of one of its buttons presses that button, else it is the first.
   *
   * @throws {TypeError} when the form has no such field
   */
  async submit(form: Form, values: Record<string, string>, signal: AbortSignal): Promise<Page> {
    const data = fill(form, values);
    const url = new URL(form.action);
    if (form.method === "POST") {
      return await this.#visit({ url, method: "POST", body: data.toString(), initiator: form.page }, signal);
    }
    url.search = data.toString();
    return await this.#visit({ url, method: "GET", initiator: form.page }, signal);
  }

  /** The Cookie header that it would send along to this address; empty when there is none. */
  cookiesFor(url: URL): string {
    return this.#cookies.header(url, { method: "GET" });
  }

  [Symbol.dispose](): void {
    this.#client?.close();
  }

  async #visit(visit: Visit, signal: AbortSignal): Promise<Page> {
    const passed: URL[] = [];
    for (let current = visit;;) {
      const { url } = current;
      const isStop = this.#stopAt !== undefined && passed.length > 0 && url.href.startsWith(this.#stopAt);
      if (isStop) return new Page({ url, passed, status: 0, headers: new Headers(), html: "" });
      const response = await this.#request(current, signal);
      this.#cookies.store(url, response.headers.getSetCookie());
      const { status, headers } = response;
      const location = headers.get("location");
      if (!REDIRECTS.includes(status) || location === null) {
        return new Page({ url, passed, status, headers, html: await response.text() });
      }
      await response.body?.cancel();
      passed.push(url);
      if (passed.length > MOST_REDIRECTS) throw new Error(`Cannot open ${visit.url}: it redirects endlessly`);
      current = redirected(current, location, status);
    }
  }

  async #request({ url, method, body, initiator }: Visit, signal: AbortSignal): Promise<Response> {
    if (url.protocol !== "http:" && url.protocol !== "https:") {
      throw new Error(`Cannot open ${url}: it is not on the web`);
    }
    const headers = new Headers({
      accept: "text/html,application/xhtml+xml,*/*;q=0.8",
      "sec-fetch-dest": "document",
      "sec-fetch-mode": "navigate",
      "sec-fetch-site": siteOf(url, initiator),
      "sec-fetch-user": "?1",
    });
    const cookies = this.#cookies.header(url, { method, initiator });
    if (cookies) headers.set("cookie", cookies);
    if (method === "POST") {
      headers.set("content-type", "application/x-www-form-urlencoded");
      headers.set("origin", initiator?.origin ?? "null");
    }
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(this.#timeoutMs)]);
    const init = { method, body, headers, redirect: "manual", signal: deadline, client: this.#client } as const;
    return await fetch(url, init as RequestInit);
  }
}

interface Visit {
  url: URL;
  method: "GET" | "POST";
  body?: string;
  /** The page that the request comes from. */
  initiator?: URL;
}

interface PageParts {
  url: URL;
  passed: URL[];
  status: number;
  headers: Headers;
  html: string;
}

/** What a visit ended at. */
export class Page {
  readonly url: URL;
  /** The addresses that redirected, in order. */
  readonly passed: readonly URL[];
  /** 0 when the visit stopped before this page. */
  readonly status: number;
  readonly headers: Headers;
  readonly html: string;
  readonly title: string;
  /** What a person reads. */
  readonly text: string;
  readonly forms: readonly Form[];
  readonly links: readonly Link[];

  constructor({ url, passed, status, headers, html }: PageParts) {
    this.url = url;
    this.passed = passed;
    this.status = status;
    this.headers = headers;
    this.html = html;
    const isHtml = headers.get("content-type")?.startsWith("text/html");
    const read = isHtml ? readHtml(html, url) : { title: "", text: html.trim(), forms: [], links: [] };
    ({ title: this.title, text: this.text, forms: this.forms, links: this.links } = read);
  }

  /** The first form that has all these fields. @throws {Error} saying what the page shows instead */
  form(...names: string[]): Form {
    const form = this.forms.find(({ fields }) => names.every((name) => fields.some((field) => field.name === name)));
    return form ?? this.#lacks(`a form with ${names.join(", ") || "any field"}`);
  }

  /** The first link of a class, as in `a.postgresqlinstances`. @throws {Error} saying what the page shows instead */
  link(className: string): Link {
    return this.links.find(({ classes }) => classes.includes(className)) ?? this.#lacks(`a link of class ${className}`);
  }

  #lacks(what: string): never {
    const shown = this.text.length > 200 ? `${this.text.slice(0, 200)}…` : this.text;
    throw new Error(`The page ${this.url.origin}${this.url.pathname} (${this.status}) has not ${what}: "${shown}"`);
  }
}

function redirected({ url, method, body, initiator }: Visit, location: string, status: number): Visit {
  const next = URL.parse(location, url);
  if (!next) throw new Error(`Cannot open ${url}: it redirects to "${location}", which is no address`);
  if (status === 307 || status === 308) return { url: next, method, body, initiator };
  return { url: next, method: "GET", initiator };
}

function siteOf(url: URL, initiator: URL | undefined): string {
  if (!initiator) return "none";
  if (initiator.origin === url.origin) return "same-origin";
  return initiator.hostname === url.hostname && initiator.protocol === url.protocol ? "same-site" : "cross-site";
}

function fill(form: Form, values: Record<string, string>): URLSearchParams {
  const left = new Map(Object.entries(values));
  const data = new URLSearchParams();
  for (const { name, value, isSent } of form.fields) {
    const typed = values[name];
    if (typed === undefined ? isSent : left.delete(name)) data.append(name, typed ?? value);
  }
  const pressed = form.buttons.find(({ name }) => left.delete(name)) ?? form.buttons[0];
  if (pressed?.name) data.append(pressed.name, values[pressed.name] ?? pressed.value);
  if (left.size > 0) {
    const names = form.fields.map(({ name }) => name).join(", ");
    throw new TypeError(`The form of ${form.page} has no field ${[...left.keys()].join(", ")}; it has: ${names}`);
  }
  return data;
}
