import { API_SERVICE_EXPORT_REQUESTS, API_VERSION, VERSION } from "../crds/names.ts";
import { type BindingProvider, OAUTH2_CODE_GRANT } from "../crds/binding_provider.ts";
import type { BindingResponse } from "../crds/binding_response.ts";
import type { Session } from "../oidc/session.ts";
import type { Offer } from "./catalogue.ts";
import { toBase64 } from "./tenant_kubeconfig.ts";

/** What `/export` says to command lines. */
export const bindingProvider = (
  { prettyName, authorizeUrl, version }: { prettyName: string; authorizeUrl: string; version: string },
): BindingProvider => ({
  kind: "BindingProvider",
  apiVersion: VERSION,
  providerPrettyName: prettyName,
  version,
  authenticationMethods: [{ method: OAUTH2_CODE_GRANT, oauth2CodeGrant: { authenticatedURL: authorizeUrl } }],
});

/** What the command line gets after login and choice: a credential, and what to ask for with it. */
export function bindingResponse(
  { sessionId, issuer, subject }: Session,
  { api, claims }: Offer,
  kubeconfig: string,
): BindingResponse {
  const permissionClaims = claims.length > 0 ? { permissionClaims: claims } : {};
  return {
    kind: "BindingResponse",
    apiVersion: API_VERSION,
    authentication: { oauth2CodeGrant: { sid: sessionId, id: `${issuer}/${subject}` } },
    kubeconfig: toBase64(kubeconfig),
    requests: [{
      kind: API_SERVICE_EXPORT_REQUESTS.kind,
      apiVersion: API_VERSION,
      metadata: { name: api.name },
      spec: { resources: [{ group: api.group, resource: api.plural, ...permissionClaims }] },
      ...{ status: {} }, // the original's has one, too
    }],
  };
}
