import { API_SERVICE_EXPORT_REQUESTS, API_VERSION, VERSION } from "../crds/names.ts";
import {
  type AuthenticationMethod,
  BEARER_TOKEN,
  type BindingProvider,
  OAUTH2_CODE_GRANT,
} from "../crds/binding_provider.ts";
import type { BindingResponse } from "../crds/binding_response.ts";
import type { Choice } from "../oidc/one_time_code.ts";
import type { Offer } from "./catalogue.ts";
import { toBase64 } from "./tenant_kubeconfig.ts";

/** Our addresses as the world sees them. */
export interface PublicUrls {
  /** Where a login begins. */
  authorize: string;
  /** Where one-time codes are redeemed. */
  response: string;
  /** Where programs bind that show a token. */
  tokenBind: string;
  /** Where they see what is on offer. */
  tokenApis: string;
  /** Where a person sees what is bound. */
  clusters: string;
}

/** How command lines may log in by a token, and with whose. */
export type TokenOffer = Omit<NonNullable<AuthenticationMethod["bearerToken"]>, "bindURL" | "apisURL">;

/** What `/export` says to command lines. */
export const bindingProvider = (
  { prettyName, urls, version, tokenOffer }: {
    prettyName: string;
    urls: PublicUrls;
    version: string;
    tokenOffer?: TokenOffer;
  },
): BindingProvider => ({
  kind: "BindingProvider",
  apiVersion: VERSION,
  providerPrettyName: prettyName,
  version,
  authenticationMethods: [
    {
      method: OAUTH2_CODE_GRANT,
      oauth2CodeGrant: { authenticatedURL: urls.authorize, responseURL: urls.response, clustersURL: urls.clusters },
    },
    ...(tokenOffer
      ? [{ method: BEARER_TOKEN, bearerToken: { bindURL: urls.tokenBind, apisURL: urls.tokenApis, ...tokenOffer } }]
      : []),
  ],
});

/** What the command line gets after login and choice: a credential, but for a dry run, and what to ask for with it. */
export function bindingResponse(
  { sessionId, issuer, subject }: Pick<Choice, "sessionId" | "issuer" | "subject">,
  offers: readonly Offer[],
  kubeconfig?: string,
): BindingResponse {
  const [only] = offers.length === 1 ? offers : [];
  return {
    kind: "BindingResponse",
    apiVersion: API_VERSION,
    authentication: { oauth2CodeGrant: { sid: sessionId, id: `${issuer}/${subject}` } },
    ...(kubeconfig !== undefined && { kubeconfig: toBase64(kubeconfig) }),
    // One for all of them: command lines of old cannot take several.
    requests: [{
      kind: API_SERVICE_EXPORT_REQUESTS.kind,
      apiVersion: API_VERSION,
      metadata: { ...(only && { name: only.api.name }) },
      spec: {
        resources: offers.map(({ api: { group, plural: resource }, claims }) => ({
          group,
          resource,
          ...(claims.length > 0 && { permissionClaims: claims }),
        })),
      },
      ...{ status: {} }, // the original's has one, too
    }],
  };
}
