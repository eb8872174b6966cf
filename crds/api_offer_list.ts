import Type from "typebox";
import { API_VERSION } from "./names.ts";
import { choice, list, object, optional, text } from "./schema.ts";
import { PermissionClaim } from "./shared.ts";

const OFFER = object({
  name: text("What to bind: `<resource>.<group>`.", { maxLength: 506 }),
  kind: text("The kind of its objects.", { maxLength: 253 }),
  scope: choice(["Cluster", "Namespaced"], "Whether its objects live in namespaces."),
  versions: list(text("A version.", { maxLength: 253 }), "Those that are exported."),
  title: text("Its name for people.", { maxLength: 1024 }),
  description: optional(text("What it is for.", { maxLength: 65_536 })),
  documentationURL: optional(text("Where to read more.", { maxLength: 2048 })),
  permissionClaims: optional(list(PermissionClaim, "Objects besides that cross the border once that is agreed to.")),
}, "An API on offer.");
export type ApiOffer = Type.Static<typeof OFFER>;

/** What a provider offers to whoever asks; never stored in a cluster. */
export const APIOfferList = object(
  {
    kind: choice(["APIOfferList"], "The kind."),
    apiVersion: choice([API_VERSION], "The version with its group."),
    items: list(OFFER, "By name."),
  },
  "What is on offer.",
  { title: "APIOfferList" },
);
export type APIOfferList = Type.Static<typeof APIOfferList>;
