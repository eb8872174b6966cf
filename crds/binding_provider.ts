import Type from "typebox";
import { VERSION } from "./names.ts";
import { choice, list, object, optional, text } from "./schema.ts";

const METHOD = object({
  method: text("Name of the method; clients skip those they do not know.", { maxLength: 253 }),
  oauth2CodeGrant: optional(object({
    authenticatedURL: text("Where the browser starts; `p`, `s` and `c` are added to its query.", {
      minLength: 1,
      maxLength: 2048,
    }),
    responseURL: optional(text(
      "Where the command line fetches the BindingResponse by POST, with the one-time code that the browser brings it " +
        "and its verifier; `code_challenge` is then added to the query, too. With `dry_run=true` in the form, nothing " +
        "is made, and the answer holds no kubeconfig.",
      { minLength: 1, maxLength: 2048 },
    )),
    clustersURL: optional(text("Page on which people see what they have bound; `s` is added to its query.", {
      minLength: 1,
      maxLength: 2048,
    })),
  }, "Settings of the OAuth2 code grant.")),
  bearerToken: optional(object({
    bindURL: text("Where a BindRequest is sent by POST, with a token in the header `Authorization`.", {
      minLength: 1,
      maxLength: 2048,
    }),
    apisURL: optional(text("Where an APIOfferList is fetched, with the token in the same header.", {
      minLength: 1,
      maxLength: 2048,
    })),
    issuerURL: text("OpenID Connect issuer that the tokens come from.", { minLength: 1, maxLength: 2048 }),
    deviceClientID: optional(text("Public client that command lines log people in as, by device code.", {
      minLength: 1,
      maxLength: 253,
    })),
    scopes: optional(list(text("A scope.", { maxLength: 253 }), "What to ask for when a person logs in.", {
      maxItems: 32,
    })),
    audiences: optional(list(
      text("An audience.", { maxLength: 2048 }),
      "Whom tokens of programs have to be meant for; without any, programs are not let in.",
      { maxItems: 32 },
    )),
    otherIssuers: optional(list(
      text("URL of an issuer.", { maxLength: 2048 }),
      "Issuers besides, whose tokens of programs are accepted, e.g. that of a CI system.",
      { maxItems: 32 },
    )),
  }, "Settings of logins by token.")),
}, "One way to log in.");
export type AuthenticationMethod = Type.Static<typeof METHOD>;

export const OAUTH2_CODE_GRANT = "OAuth2CodeGrant";
export const BEARER_TOKEN = "BearerToken";

/** What a provider says about itself before anybody has logged in; never stored in a cluster. */
export const BindingProvider = object(
  {
    kind: choice(["BindingProvider"], "The kind."),
    // The bare version: command-line tools of old insist on it.
    apiVersion: choice([VERSION], "The version, here without its group."),
    providerPrettyName: text("Name of the provider, for people.", { maxLength: 1024 }),
    version: text("Version of the backend, e.g. `v1.4.0`.", { maxLength: 253 }),
    authenticationMethods: list(METHOD, "Ways to log in, the preferred one first.", { minItems: 1, maxItems: 32 }),
  },
  "What a provider says about itself.",
  { title: "BindingProvider" },
);
export type BindingProvider = Type.Static<typeof BindingProvider>;
