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
        "and its verifier; `code_challenge` is then added to the query, too.",
      { minLength: 1, maxLength: 2048 },
    )),
    clustersURL: optional(text("Page on which people see what they have bound; `s` is added to its query.", {
      minLength: 1,
      maxLength: 2048,
    })),
  }, "Settings of the OAuth2 code grant.")),
}, "One way to log in.");
export type AuthenticationMethod = Type.Static<typeof METHOD>;

export const OAUTH2_CODE_GRANT = "OAuth2CodeGrant";

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
