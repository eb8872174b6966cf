import type { IncomingMessage, ServerResponse } from "node:http";
import * as jose from "jose";
import type { EmbeddedIssuerOptions } from "./embedded_issuer.ts";
import { deviceCodePage, deviceConfirmPage, logoutPage, messagePage } from "./embedded_pages.ts";

/** What we use of oidc-provider, which has no types of its own. */
export interface Provider {
  on(event: "server_error", listener: (context: unknown, error: unknown) => void): void;
  callback(): (request: IncomingMessage, response: ServerResponse) => void;
  interactionDetails(request: IncomingMessage, response: ServerResponse): Promise<Interaction>;
  interactionFinished(
    request: IncomingMessage,
    response: ServerResponse,
    result: Record<string, unknown>,
    options: { mergeWithLastSubmission: boolean },
  ): Promise<void>;
  Grant: (new (fields: { accountId: string; clientId: string }) => Grant) & {
    find(id: string): Promise<Grant | undefined>;
  };
}

interface Grant {
  addOIDCScope(scope: string): void;
  addOIDCClaims(claims: string[]): void;
  save(): Promise<string>;
}

/** What the library waits for a person for. */
export interface Interaction {
  uid: string;
  prompt: { name: string; details: { missingOIDCScope?: string[]; missingOIDCClaims?: string[] } };
  params: { client_id: string; login_hint?: string };
  session?: { accountId: string };
  grantId?: string;
}

/** A Koa context, as handed to the functions that render pages. */
interface Context {
  type: string;
  body: string;
  oidc: { client?: { clientId: string }; params: { grant_type?: string } };
}

/** A new oidc-provider with one client, keys of its own, and our pages. */
export async function createProvider(issuerUrl: string, options: EmbeddedIssuerOptions): Promise<Provider> {
  const { clientId, clientSecret, redirectUris, cliClientId, tokenAudience, groups = {} } = options;
  const Provider = await loadProvider();
  const { privateKey } = await jose.generateKeyPair("RS256", { extractable: true });
  const render = (context: Context, html: string) => {
    context.type = "html";
    context.body = html;
  };
  using _quiet = muteNotices();
  return new Provider(issuerUrl, {
    clients: [{
      client_id: clientId,
      ...(clientSecret
        ? { client_secret: clientSecret, token_endpoint_auth_method: "client_secret_basic" }
        : { token_endpoint_auth_method: "none" }),
      redirect_uris: redirectUris,
      response_types: ["code"],
      grant_types: [
        "authorization_code",
        "refresh_token",
        "urn:ietf:params:oauth:grant-type:device_code",
        ...(clientSecret ? ["client_credentials"] : []),
      ],
    }, ...(cliClientId ? [cliClient(cliClientId)] : [])],
    jwks: { keys: [{ ...await jose.exportJWK(privateKey), alg: "RS256", use: "sig", kid: crypto.randomUUID() }] },
    cookies: {
      keys: [crypto.getRandomValues(new Uint8Array(32)).toHex()],
      // Cookies know no ports: other programs on 127.0.0.1 see and set them too.
      names: { session: "klutch_issuer_session", interaction: "klutch_issuer_login", resume: "klutch_issuer_resume" },
    },
    scopes: ["openid", "offline_access", "profile", "email", "groups"],
    claims: {
      openid: ["sub"],
      profile: ["name", "preferred_username", "groups"],
      email: ["email", "email_verified"],
      groups: ["groups"],
    },
    conformIdTokenClaims: false, // the claims are in the ID token, as most issuers do it
    findAccount: (_context: unknown, login: string) => ({
      accountId: login,
      claims: () => ({
        sub: login,
        name: login,
        preferred_username: login,
        email: login.includes("@") ? login : `${login}@example.com`,
        email_verified: false,
        groups: Object.hasOwn(groups, login) ? groups[login] : [],
      }),
    }),
    clientBasedCORS: () => false,
    ttl: {
      AccessToken: 3600,
      AuthorizationCode: 60,
      ClientCredentials: 600,
      DeviceCode: 600,
      IdToken: 3600,
      RefreshToken: 24 * 3600,
      Interaction: 3600,
      Session: 24 * 3600,
      Grant: 24 * 3600,
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: tokenAudience !== undefined,
        defaultResource: ({ oidc }: Context) =>
          oidc.params.grant_type === "client_credentials" ? tokenAudience : undefined,
        getResourceServerInfo: () => ({ scope: "", audience: tokenAudience, accessTokenFormat: "jwt" }),
      },
      deviceFlow: {
        enabled: true,
        userCodeInputSource: (context: Context, form: string, _out: unknown, error?: { name: string }) =>
          render(context, deviceCodePage({ form, error: error && DEVICE_ERRORS[error.name] })),
        userCodeConfirmSource: (context: Context, form: string, _client: unknown, _info: unknown, code: string) =>
          render(context, deviceConfirmPage({ form, code, client: context.oidc.client?.clientId ?? clientId })),
        successSource: (context: Context) =>
          render(context, messagePage("Device connected", "You can close this page and return to the device.")),
      },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (context: Context, form: string) => render(context, logoutPage({ form })),
        postLogoutSuccessSource: (context: Context) =>
          render(context, messagePage("Logged out", "You are logged out.")),
      },
    },
    renderError: (context: Context, { error, error_description }: Record<string, string>) =>
      render(context, messagePage("Cannot log in", error_description ?? error ?? "unknown error")),
  });
}

const cliClient = (clientId: string) => ({
  client_id: clientId,
  token_endpoint_auth_method: "none",
  redirect_uris: [],
  response_types: [],
  grant_types: ["urn:ietf:params:oauth:grant-type:device_code"],
});

const DEVICE_ERRORS: Record<string, string> = {
  NoCodeError: "Please enter the code.",
  NotFoundError: "There is no such code.",
  ExpiredError: "The code has expired: let the device make a new one.",
  AlreadyUsedError: "The code was used already: let the device make a new one.",
  AbortedError: "The device was not connected.",
};

type ProviderClass = new (issuer: string, configuration: Record<string, unknown>) => Provider;

let providerClass: Promise<ProviderClass> | undefined;

/** Once, so that nobody else mutes the console meanwhile. */
function loadProvider(): Promise<ProviderClass> {
  return providerClass ??= (async () => {
    using _quiet = muteNotices();
    return (await import("oidc-provider")).default;
  })();
}

/** oidc-provider tells on the console that Deno is not Node and that memory is no database, which holds here. */
function muteNotices(): Disposable {
  const { info, warn } = console;
  const unlessNotice = (write: (...data: unknown[]) => void) => (...data: unknown[]) => {
    if (!/oidc-provider (NOTICE|WARNING): /.test(String(data[0]))) write(...data);
  };
  console.info = unlessNotice(info);
  console.warn = unlessNotice(warn);
  return {
    [Symbol.dispose]() {
      console.info = info;
      console.warn = warn;
    },
  };
}
