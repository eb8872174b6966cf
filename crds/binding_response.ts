import Type from "typebox";
import { APIServiceExportRequestResponse } from "./api_service_export_request.ts";
import { API_VERSION } from "./names.ts";
import { choice, list, object, optional, text } from "./schema.ts";

/** What a provider hands to the command line after login and choice; never stored in a cluster. */
export const BindingResponse = object(
  {
    kind: choice(["BindingResponse"], "The kind."),
    apiVersion: choice([API_VERSION], "The version with its group."),
    authentication: object({
      oauth2CodeGrant: optional(object({
        sid: text("Session id that the command line started with; it has to check it.", { maxLength: 253 }),
        id: text("Who has logged in, for people: `<issuer>/<subject>`.", { maxLength: 4096 }),
      }, "Result of the OAuth2 code grant.")),
    }, "Result of the login."),
    kubeconfig: optional(text("Base64 of the kubeconfig for the provider; a dry run gets none.", {
      minLength: 1,
      maxLength: 1_000_000,
      pattern: "^[A-Za-z0-9+/_-]+={0,2}$",
    })),
    requests: list(APIServiceExportRequestResponse, "What to ask the provider for, with that kubeconfig.", {
      minItems: 1,
      maxItems: 1000,
    }),
  },
  "What a provider hands out after login.",
  { title: "BindingResponse" },
);
export type BindingResponse = Type.Static<typeof BindingResponse>;
