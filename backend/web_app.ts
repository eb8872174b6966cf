import { systemClock } from "../kube/clock.ts";
import { NAMESPACES } from "../kube/resources.ts";
import { OneTimeCodes } from "../oidc/one_time_code.ts";
import { SessionSealer } from "../oidc/session.ts";
import { LoginStates } from "../oidc/state.ts";
import { PROTOCOL_VERSION } from "../version.ts";
import { createApp } from "./app.ts";
import { BindTokens } from "./bind_token.ts";
import type { ControllersDeps, ProviderCaches } from "./controllers.ts";
import type { Login } from "./login.ts";
import type { OidcOptions } from "./login_options.ts";
import type { BackendOptions } from "./options.ts";
import { recordPerson } from "./person.ts";
import { takeCode } from "./redeemed_codes.ts";
import { ensureTenant } from "./tenant.ts";

interface WebAppParts {
  options: BackendOptions;
  oidc: OidcOptions;
  caches: ProviderCaches;
  login: Login;
  isReady: () => true | string;
  deps: ControllersDeps;
}

/** The public pages, wired to cluster, issuer and keys. */
export function createWebApp(
  { options, oidc: { callbackUrl }, caches, login, isReady, deps }: WebAppParts,
  signal: AbortSignal,
): (request: Request) => Response | Promise<Response> {
  const { prettyName, namespacePrefix, redirectOrigins, legacyCallback, admission, autoSelect } = options;
  const keys = options.cookieKeys ?? { signing: crypto.getRandomValues(new Uint8Array(32)) };
  const tenants = { ...deps, namespaces: caches.namespaces.store, namespacePrefix, prettyName };
  const namespaces = deps.client.api(NAMESPACES);
  const app = createApp({
    prettyName,
    version: PROTOCOL_VERSION,
    urls: {
      authorize: options.authorizeUrl ?? new URL("authorize", callbackUrl).href,
      response: new URL("response", callbackUrl).href,
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
    states: new LoginStates(keys),
    sessions: new SessionSealer(keys),
    bindTokens: new BindTokens(keys),
    codes: new OneTimeCodes(keys),
    catalogue: caches.catalogue,
    async ensureTenant(user, signal) {
      const tenant = await ensureTenant(tenants, user, signal);
      await recordPerson(namespaces, tenant.namespace, user, signal);
      return tenant;
    },
    takeCode: (code, signal) => takeCode(namespaces, code, systemClock.now(), signal),
    log: deps.log,
    now: () => systemClock.now(),
    signal,
  });
  return (request) => app.fetch(request);
}
