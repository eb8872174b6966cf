import type { Session } from "../oidc/session.ts";
import type { Catalogue, Offer } from "./catalogue.ts";
import { CataloguePage } from "./pages/catalogue.tsx";
import type { Visitor } from "./pages/frame.tsx";
import { Stencil } from "./pages/stencil.tsx";
import { bindHref } from "./visitor.ts";

/** What a person has typed and ticked on the page before. */
export interface Selection {
  search: string;
  /** Names of APIs. */
  chosen: readonly string[];
}

interface CataloguePagesDeps {
  prettyName: string;
  catalogue: Pick<Catalogue, "list" | "admittingTemplates">;
}

/** Stand for what is a visitor's own on pages that are kept; nothing else looks like them. */
const MARKS = {
  user: crypto.randomUUID(),
  token: crypto.randomUUID(),
  sessionId: crypto.randomUUID(),
  clusterId: crypto.randomUUID(),
};
const ANYBODY: Visitor = { user: MARKS.user, query: `s=${MARKS.sessionId}`, token: MARKS.token };

/**
 * The page that lists offers. Hundreds of them take a while to render, and they change seldom: a page that shows all of
 * them is kept, until `forget`, for everybody to whom the same is on offer.
 */
export class CataloguePages {
  readonly #deps: CataloguePagesDeps;
  readonly #kept = new Map<string, Stencil<keyof typeof MARKS>>();

  constructor(deps: CataloguePagesDeps) {
    this.#deps = deps;
  }

  /** To be called when anything about the offers has changed. */
  forget(): void {
    this.#kept.clear();
  }

  /** HTML, in UTF-8. */
  render(session: Session, visitor: Visitor, selection: Selection): Uint8Array<ArrayBuffer> {
    const { catalogue } = this.#deps;
    if (selection.search || selection.chosen.length > 0) {
      return new TextEncoder().encode(this.#toHtml(catalogue.list(session), visitor, session, selection));
    }
    const key = catalogue.admittingTemplates(session).join();
    let kept = this.#kept.get(key);
    if (!kept) {
      const html = this.#toHtml(catalogue.list(session), ANYBODY, MARKS, { search: "", chosen: [] });
      kept = new Stencil(html, MARKS);
      this.#kept.set(key, kept);
    }
    const { sessionId, clusterId } = session;
    return kept.fill({ user: visitor.user, token: visitor.token, sessionId, clusterId });
  }

  #toHtml(
    offers: Offer[],
    visitor: Visitor,
    { sessionId, clusterId }: Pick<Session, "sessionId" | "clusterId">,
    { search, chosen }: Selection,
  ): string {
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = offers.filter((offer) => chosen.includes(offer.api.name) || isFound(offer, words));
    const rows = shown.map((offer) => ({
      offer,
      href: bindHref(visitor, offer.api),
      detailsHref: `/resource?${visitor.query}&${new URLSearchParams({ name: offer.api.name })}`,
      isChosen: chosen.includes(offer.api.name),
    }));
    const { prettyName } = this.#deps;
    const props = { prettyName, visitor, clusterId, sessionId, rows, total: offers.length, search };
    return (<CataloguePage {...props} />).toString();
  }
}

function isFound({ api, title, about = "" }: Offer, words: string[]): boolean {
  const text = `${title} ${api.name} ${api.kind} ${about}`.toLowerCase();
  return words.every((word) => text.includes(word));
}
