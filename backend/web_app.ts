import { systemClock } from "../kube/clock.ts";
import type { HttpServerOptions } from "../kube/http_server.ts";
import {
  CUSTOM_RESOURCE_DEFINITIONS,
  type CustomResourceDefinition,
  NAMESPACES,
  type OpenApiSchema,
} from "../kube/resources.ts";
import { OneTimeCodes } from "../oidc/one_time_code.ts";
import { DEFAULT_SCOPES } from "../oidc/relying_party.ts";
import { SessionSealer } from "../oidc/session.ts";
import { LoginStates } from "../oidc/state.ts";
import { PROTOCOL_VERSION } from "../version.ts";
import { createApp } from "./app.ts";
import { BindTokens } from "./bind_token.ts";
import type { TokenOffer } from "./binding_documents.ts";
import { CataloguePages } from "./catalogue_pages.tsx";
import { clientAddress } from "./client_address.ts";
import type { ControllersDeps } from "./controllers.ts";
import { atVersion, CrdSource } from "./crd_source.ts";
import type { Login } from "./login.ts";
import type { OidcOptions } from "./login_options.ts";
import { RateLimit } from "./rate_limit.ts";
import { MyClusters } from "./my_clusters.ts";
import type { BackendOptions } from "./options.ts";
import type { ProviderCaches } from "./provider_caches.ts";
import { takeCode } from "./redeemed_codes.ts";
import { describeSchema } from "./schema_doc.ts";
import { ensureTenant } from "./tenant.ts";
import type { TokenLogin } from "./token_login.ts";

interface WebAppParts {
  options: BackendOptions;
  oidc: OidcOptions;
  caches: ProviderCaches;
  login: Login;
  tokenLogin: TokenLogin;
  isReady: () => true | string;
  /** Fires when the process is to stop. */
  stopping: AbortSignal;
  deps: ControllersDeps;
}

/** The public pages, wired to cluster, issuer and keys. */
export function createWebApp(
  { options, oidc, caches, login, tokenLogin, isReady, stopping, deps }: WebAppParts,
  signal: AbortSignal,
): HttpServerOptions["handler"] {
  const { prettyName, redirectOrigins, legacyCallback, admission, autoSelect } = options;
  const { callbackUrl } = oidc;
  const keys = options.cookieKeys ?? { signing: crypto.getRandomValues(new Uint8Array(32)) };
  const { namespacePrefix, appClustersPerUser } = options;
  const tenants = { ...deps, namespaces: caches.namespaces.store, namespacePrefix, appClustersPerUser, prettyName };
  const cataloguePages = new CataloguePages({ prettyName, catalogue: caches.catalogue });
  caches.templates.subscribe(() => cataloguePages.forget(), stopping);
  caches.apis.subscribe(() => cataloguePages.forget(), stopping);
  const myClusters = new MyClusters(caches, stopping);
  const source = new CrdSource(deps.client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS));
  const namespaces = deps.client.api(NAMESPACES);
  const app = createApp({
    prettyName,
    version: PROTOCOL_VERSION,
    urls: {
      authorize: options.authorizeUrl ?? new URL("authorize", callbackUrl).href,
      response: new URL("response", callbackUrl).href,
      tokenBind: new URL("api/bind", callbackUrl).href,
      tokenApis: new URL("api/apis", callbackUrl).href,
      clusters: new URL("clusters", callbackUrl).href,
    },
    isSecure: callbackUrl.startsWith("https://"),
    redirectOrigins,
    legacyCallback,
    admission,
    autoSelect,
    readiness: () => {
      const cluster = isReady();
      return cluster === true ? login.readiness : cluster;
    },
    relyingParty: () => login.relyingParty,
    tokenLogin,
    tokenOffer: tokenLogin.isOpen ? tokenOfferOf(oidc) : undefined,
    networkLimit: options.networkLimit && new RateLimit(options.networkLimit),
    bindLimit: new RateLimit(BIND_LIMIT),
    states: new LoginStates(keys),
    sessions: new SessionSealer(keys),
    bindTokens: new BindTokens(keys),
    codes: new OneTimeCodes(keys),
    catalogue: caches.catalogue,
    cataloguePages,
    myClusters,
    async describe({ api, versions: [version] }, signal) {
      const made = atVersion(await source.get(api, signal), version);
      const schema = "spec" in made && made.spec.versions[0]!.schema.openAPIV3Schema;
      return schema ? describeSchema(api, version!, schema as OpenApiSchema) : undefined;
    },
    ensureTenant: (user, signal) => ensureTenant(tenants, user, inTime(signal)),
    takeCode: (code, signal) => takeCode(namespaces, code, systemClock.now(), inTime(signal)),
    audit: deps.audit,
    log: deps.log,
    now: () => systemClock.now(),
    stopping,
    signal,
  });
  return (request, { remoteAddr }) => {
    const forwardedFor = request.headers.get("x-forwarded-for");
    return app.fetch(request, { address: clientAddress(remoteAddr.hostname, forwardedFor, options.trustedProxies) });
  };
}

/** How long a person waits for a contract at most. */
const CONTRACT_TIMEOUT_MS = 60_000;
const inTime = (signal: AbortSignal) => AbortSignal.any([signal, AbortSignal.timeout(CONTRACT_TIMEOUT_MS)]);

/** Whoever binds more often has a program that runs wild. */
const BIND_LIMIT = { burst: 20, everyMs: 6_000 };

const tokenOfferOf = (
  { issuerUrl, scopes = DEFAULT_SCOPES, tokens: { cliClientId, audiences, otherIssuers } }: OidcOptions,
): TokenOffer => ({
  issuerURL: issuerUrl,
  ...(cliClientId && { deviceClientID: cliClientId, scopes }),
  ...(audiences.length > 0 && { audiences }),
  ...(otherIssuers.length > 0 && { otherIssuers }),
});
