import { raw } from "hono/html";
import type { Child } from "hono/jsx";
import type { PermissionClaim } from "../crds/shared.ts";
import type { Offer } from "./catalogue.ts";
import { describeClaim } from "./claim_words.ts";
import { PAGE_STYLE } from "./page_style.ts";

/** What all pages share. */
export interface PageFrame {
  /** Of the provider. */
  prettyName: string;
  /** Without it, the content security policy drops the style sheet. */
  nonce: string;
}

interface FrameProps extends PageFrame {
  title: string;
  footer?: string;
  children: Child;
}

const Frame = ({ prettyName, nonce, title, footer, children }: FrameProps) => (
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
        <style nonce={nonce}>{raw(PAGE_STYLE)}</style>
      </head>
      <body>
        <header>
          <p>
            {prettyName} <span>· Klutch</span>
          </p>
        </header>
        <main>{children}</main>
        {footer && <footer>{footer}</footer>}
      </body>
    </html>
  </>
);

export interface ResourcesPageProps extends PageFrame {
  offers: Offer[];
  /** For people: who has logged in. */
  user: string;
  clusterId: string;
  /** The link that binds an API. */
  bindHref: (offer: Offer) => string;
}

/** What can be bound; one link per API, with what it would be allowed before anything is granted. */
export const ResourcesPage = ({ offers, user, clusterId, bindHref, ...frame }: ResourcesPageProps) => (
  <Frame
    title="Resources"
    footer="After binding you are sent back to the command line, which carries on by itself."
    {...frame}
  >
    <h1>Choose what to bind</h1>
    <p class="lead">
      You are signed in as <strong>{user}</strong>. What you choose becomes available in your app cluster{" "}
      <strong>{clusterId}</strong>.
    </p>
    {offers.length > 0
      ? (
        <ul class="cards">
          {offers.map((offer) => <Card key={offer.api.name} offer={offer} href={bindHref(offer)} />)}
        </ul>
      )
      : <NothingOffered />}
  </Frame>
);

function Card({ offer: { api, claims }, href }: { offer: Offer; href: string }) {
  return (
    <li class="card">
      <h2>{api.singular}</h2>
      {api.description && <p class="about">{api.description}</p>}
      <dl>
        <dt>Kind</dt>
        <dd>{api.kind}</dd>
        <dt>Group</dt>
        <dd>{api.group}</dd>
        <dt>Scope</dt>
        <dd>{api.scope}</dd>
        <dt>{api.versions.length === 1 ? "Version" : "Versions"}</dt>
        <dd>{api.versions.join(", ")}</dd>
      </dl>
      <Claims claims={claims} />
      <a class={`btn btn-primary ${api.plural}`} href={href} aria-label={`Bind ${api.singular}`}>Bind</a>
    </li>
  );
}

const Claims = ({ claims }: { claims: PermissionClaim[] }) => (
  <section class="claims">
    <h3>On your cluster</h3>
    {claims.length === 0 ? <p>Touches nothing but its own objects.</p> : (
      <>
        <ul>
          {claims.map(describeClaim).map(({ summary, details }) => (
            <li key={summary}>
              {summary}
              <small>{details.join(" ")}</small>
            </li>
          ))}
        </ul>
        <p class="quiet">The command line asks whether you agree.</p>
      </>
    )}
  </section>
);

const NothingOffered = () => (
  <div class="message">
    <p>Nothing is on offer yet.</p>
    <p class="quiet">
      Whoever runs this provider offers an API by creating an <code>APIServiceExportTemplate</code> for it.
    </p>
  </div>
);

export interface MessagePageProps extends PageFrame {
  title: string;
  message: string;
  /** Finds the request in the log. */
  requestId: string;
}

/** Says one thing: what went wrong, and what to do. */
export const MessagePage = ({ title, message, requestId, ...frame }: MessagePageProps) => (
  <Frame title={title} {...frame}>
    <div class="message">
      <h1>{title}</h1>
      <p>{message}</p>
      <p class="quiet">
        Request <code>{requestId}</code>
      </p>
    </div>
  </Frame>
);
