import type { Person } from "./admission.ts";
import type { Catalogue, Offer } from "./catalogue.ts";
import { OfferRow } from "./pages/catalogue.tsx";
import type { Visitor } from "./pages/frame.tsx";
import { bindHref } from "./visitor.ts";

export interface OfferList {
  /** HTML of the rows. */
  list: string;
  shown: number;
  total: number;
}

/** What a person has typed and ticked on the page before. */
export interface Selection {
  search: string;
  /** Names of APIs. */
  chosen: readonly string[];
}

/** Stands for a visitor in lists that are kept; nothing else looks like it. */
const ANYBODY: Visitor = { user: "", query: `s=${crypto.randomUUID()}`, token: crypto.randomUUID() };

/**
 * Lists of offers as HTML. Hundreds of offers take a while to render, and they change seldom: a list that shows all of
 * them is kept, until `forget`, for everybody to whom the same is on offer.
 */
export class OfferLists {
  readonly #catalogue: Pick<Catalogue, "list" | "admittingTemplates">;
  readonly #kept = new Map<string, OfferList>();

  constructor(catalogue: Pick<Catalogue, "list" | "admittingTemplates">) {
    this.#catalogue = catalogue;
  }

  /** To be called when anything about the offers has changed. */
  forget(): void {
    this.#kept.clear();
  }

  render(person: Person, visitor: Visitor, { search, chosen }: Selection): OfferList {
    if (search || chosen.length > 0) {
      const offers = this.#catalogue.list(person);
      const words = search.toLowerCase().split(/\s+/).filter(Boolean);
      const found = offers.filter((offer) => chosen.includes(offer.api.name) || isFound(offer, words));
      return { list: toHtml(found, visitor, chosen), shown: found.length, total: offers.length };
    }
    const key = this.#catalogue.admittingTemplates(person).join();
    let kept = this.#kept.get(key);
    if (!kept) {
      const offers = this.#catalogue.list(person);
      kept = { list: toHtml(offers, ANYBODY, []), shown: offers.length, total: offers.length };
      this.#kept.set(key, kept);
    }
    const list = kept.list.replaceAll(ANYBODY.query, visitor.query).replaceAll(ANYBODY.token, visitor.token);
    return { ...kept, list };
  }
}

function isFound({ api, title, about = "" }: Offer, words: string[]): boolean {
  const text = `${title} ${api.name} ${api.kind} ${about}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

const toHtml = (offers: Offer[], visitor: Visitor, chosen: readonly string[]): string =>
  offers.map((offer) => {
    const detailsHref = `/resource?${visitor.query}&${new URLSearchParams({ name: offer.api.name })}`;
    const props = { offer, href: bindHref(visitor, offer.api), detailsHref, isChosen: chosen.includes(offer.api.name) };
    return (<OfferRow {...props} />).toString();
  }).join("");
