import type { PermissionClaim } from "../../crds/shared.ts";
import type { Offer } from "../catalogue.ts";
import { describeClaim } from "../../crds/claim_words.ts";
import { Frame, type Visitor } from "./frame.tsx";

export interface CataloguePageProps {
  prettyName: string;
  visitor: Visitor;
  clusterId: string;
  sessionId: string;
  /** The offers that are shown. */
  rows: OfferRowProps[];
  /** How many there are without the search. */
  total: number;
  search: string;
}

/** What can be bound; with what it would be allowed before anything is granted. */
export const CataloguePage = (props: CataloguePageProps) => {
  const { prettyName, visitor, clusterId, sessionId, rows, total, search } = props;
  const shown = rows.length;
  return (
    <Frame title="Catalogue" prettyName={prettyName} visitor={visitor} here="catalogue">
      <h1>Choose what to bind</h1>
      <p class="lead">
        What you choose becomes available in your app cluster{" "}
        <strong>{clusterId}</strong>. Then you are sent back to the command line, which carries on by itself.
      </p>
      {total === 0 ? <NothingOffered /> : (
        <form action="/bind" method="get">
          <div class="search">
            <input
              type="search"
              name="q"
              value={search}
              aria-label="Search APIs"
              placeholder="Search"
              autocomplete="off"
            />
            <button type="submit" class="btn" formaction="/resources">Search</button>
            <output class="quiet">{shown === total ? `${total} on offer` : `${shown} of ${total}`}</output>
          </div>
          <input type="hidden" name="s" value={sessionId} />
          <input type="hidden" name="token" value={visitor.token} />
          <ul class="offers">{rows.map((row) => <OfferRow key={row.offer.api.name} {...row} />)}</ul>
          <p class="lead nothing" hidden={shown > 0}>Nothing that is on offer matches.</p>
          <div class="bar">
            <output class="quiet">Choose as many as you like.</output>
            <button type="submit" class="btn btn-primary">Bind the chosen</button>
          </div>
        </form>
      )}
    </Frame>
  );
};

interface OfferRowProps {
  offer: Offer;
  /** Where it is bound. */
  href: string;
  /** Where there is more about it. */
  detailsHref: string;
  isChosen: boolean;
}

/** One offer in the list. */
const OfferRow = ({ offer, href, detailsHref, isChosen }: OfferRowProps) => {
  const { api, title, about, versions, claims } = offer;
  return (
    <li>
      <input type="checkbox" name="api" value={api.name} aria-label={`Choose ${title}`} checked={isChosen} />
      <Icon offer={offer} />
      <div>
        <h2>
          <a href={detailsHref}>{title}</a>
        </h2>
        <p class="meta">{`Group ${api.group} · ${api.scope} · ${versions.join(", ")}`}</p>
        {about && <p class="about">{about}</p>}
        <Touches claims={claims} />
      </div>
      <a class={`btn ${api.plural}`} href={href} aria-label={`Bind ${title}`}>Bind</a>
    </li>
  );
};

const Touches = ({ claims }: { claims: PermissionClaim[] }) => (
  <p class="touches">
    {claims.length === 0
      ? "Touches nothing on your cluster but its own objects."
      : claims.map((claim) => `${describeClaim(claim).summary}.`).join(" ")}
  </p>
);

/** Decoration: its name stands beside it. */
export const Icon = ({ offer: { icon, title } }: { offer: Offer }) =>
  icon ? <img class="icon" src={icon} alt="" /> : <span class="icon" aria-hidden="true">{title.slice(0, 1)}</span>;

const NothingOffered = () => (
  <div class="panel message">
    <p>Nothing is on offer yet.</p>
    <p class="quiet">
      Whoever runs this provider offers an API by creating an <code>APIServiceExportTemplate</code> for it.
    </p>
  </div>
);
