import { raw } from "hono/html";
import type { Child } from "hono/jsx";
import { SCRIPT_PATH, STYLE_PATH } from "./assets.ts";

/** Who sees a page, and the links of that person's session. */
export interface Visitor {
  /** For people: who has logged in. */
  user: string;
  /** `s=…`, on every link. */
  query: string;
  /** The session's token, on links that change something. */
  token: string;
}

export interface FrameProps {
  /** Of the provider. */
  prettyName: string;
  /** Absent before the login. */
  visitor?: Visitor;
  /** Which of the pages in the navigation this is. */
  here?: "catalogue" | "clusters";
  title: string;
  children: Child;
}

/** What all pages share. */
export const Frame = ({ prettyName, visitor, here, title, children }: FrameProps) => (
  <>
    {raw("<!DOCTYPE html>")}
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <title>{`${title} – ${prettyName}`}</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href={STYLE_PATH} />
        <script src={SCRIPT_PATH} defer></script>
      </head>
      <body>
        <a class="skip" href="#content">Skip to content</a>
        <header>
          <p class="brand">{prettyName}</p>
          {visitor && <Navigation visitor={visitor} here={here} />}
        </header>
        <main id="content">{children}</main>
      </body>
    </html>
  </>
);

const Navigation = ({ visitor: { user, query, token }, here }: { visitor: Visitor; here: FrameProps["here"] }) => (
  <>
    <nav aria-label="Pages">
      <a href={`/resources?${query}`} aria-current={here === "catalogue" ? "page" : undefined}>Catalogue</a>
      <a href={`/clusters?${query}`} aria-current={here === "clusters" ? "page" : undefined}>My clusters</a>
    </nav>
    <p class="me">
      signed in as {user} <a href={`/logout?${query}&token=${token}`}>Log out</a>
    </p>
  </>
);
