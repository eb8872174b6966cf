import { type Context, Hono } from "hono";
import { etag } from "hono/etag";
import { secureHeaders } from "hono/secure-headers";
import type { Problem } from "../crds/problem.ts";
import type { Log } from "../kube/log.ts";
import type { RelyingParty } from "../oidc/relying_party.ts";
import type { SessionSealer } from "../oidc/session.ts";
import type { LoginStates } from "../oidc/state.ts";
import type { OneTimeCodes } from "../oidc/one_time_code.ts";
import type { Admission, Person } from "./admission.ts";
import type { Audit } from "./audit.ts";
import type { BindTokens } from "./bind_token.ts";
import type { PublicUrls, TokenOffer } from "./binding_documents.ts";
import type { Catalogue, Offer } from "./catalogue.ts";
import type { CataloguePages } from "./catalogue_pages.tsx";
import { networkOf } from "./client_address.ts";
import { explainError } from "./error_page.ts";
import type { TenantIdentity } from "./identity.ts";
import type { MyClusters } from "./my_clusters.ts";
import { MessagePage } from "./pages/message.tsx";
import { LONGEST_URL } from "./query.ts";
import type { RateLimit } from "./rate_limit.ts";
import type { TakenCode } from "./redeemed_codes.ts";
import { Refusal } from "./refusal.ts";
import { isForPrograms, LIVE_ROUTES, routeAt, STATIC_ROUTES } from "./route_table.ts";
import type { SchemaDoc } from "./schema_doc.ts";
import type { Tenant } from "./tenant.ts";
import type { TokenLogin } from "./token_login.ts";

export interface AppDeps {
  prettyName: string;
  /** What command lines compare themselves with. */
  version: string;
  urls: PublicUrls;
  /** Whether the world sees us over HTTPS. */
  isSecure: boolean;
  redirectOrigins: readonly string[];
  /** Whether command lines that know no one-time codes are served. */
  legacyCallback: boolean;
  /** Who may log in. */
  admission: Admission;
  autoSelect?: string;
  /** True once all below work; otherwise what we wait for. */
  readiness: () => true | string;
  /** Of the issuer, once it has been reached. */
  relyingParty: () => RelyingParty;
  tokenLogin: Pick<TokenLogin, "identify">;
  /** Absent where nobody logs in by token. */
  tokenOffer?: TokenOffer;
  /** How often one network may ask for what needs no login; any number of times when absent. */
  networkLimit?: RateLimit;
  /** How often one identity may get a credential, whatever way it asks. */
  bindLimit: RateLimit;
  states: LoginStates;
  sessions: SessionSealer;
  bindTokens: BindTokens;
  codes: OneTimeCodes;
  catalogue: Pick<Catalogue, "list" | "find" | "get" | "admittedGroups">;
  cataloguePages: Pick<CataloguePages, "render">;
  /** What the schema of an offer says; undefined when it cannot be exported. */
  describe: (offer: Offer, signal: AbortSignal) => Promise<SchemaDoc | undefined>;
  myClusters: Pick<MyClusters, "of" | "watch">;
  ensureTenant: (user: Person & TenantIdentity, signal: AbortSignal) => Promise<Tenant>;
  /** False when the code was taken before. */
  takeCode: (code: TakenCode, signal: AbortSignal) => Promise<boolean>;
  audit: Audit;
  log: Log;
  now: () => Date;
  /** Fires when the process is to stop; what waits for something ends then. */
  stopping: AbortSignal;
  /** Ends what is under way, a while after that. */
  signal: AbortSignal;
}

export interface AppEnv {
  Bindings: {
    /** The client's, see `clientAddress`. */
    address: string;
  };
  Variables: { requestId: string; log: Log };
}

/** The public listener: four steps from a command line over the login to a bound API, and the pages between them. */
export function createApp(deps: AppDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  app.use(async (c, next) => {
    const requestId = crypto.randomUUID().slice(0, 8);
    const log = deps.log.with({ requestId });
    const start = performance.now();
    c.set("requestId", requestId);
    c.set("log", log);
    c.header("x-request-id", requestId); // before the answer is there: afterwards, its body is sent as a stream
    await next();
    const durationMs = Math.round(performance.now() - start);
    log.debug("request answered", { method: c.req.method, path: knownPath(c), status: c.res.status, durationMs });
  });
  app.use(secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      styleSrc: ["'self'"],
      scriptSrc: ["'self'"],
      connectSrc: ["'self'"],
      imgSrc: ["data:"],
      baseUri: ["'none'"],
      // Browsers apply it to the redirects after a form as well: they lead to the command line.
      formAction: ["'self'", "http://localhost:*", "http://127.0.0.1:*", ...deps.redirectOrigins],
      frameAncestors: ["'none'"],
    },
    xFrameOptions: "DENY",
    strictTransportSecurity: deps.isSecure ? "max-age=31536000" : false,
  }));
  for (const { path, serve } of STATIC_ROUTES) app.get(path, etag(), serve(deps));
  app.use(async (c, next) => {
    c.header("cache-control", "no-cache, no-store, must-revalidate, max-age=0");
    c.header("expires", "Thu, 01 Jan 1970 00:00:00 GMT");
    c.header("x-accel-expires", "0");
    if (c.req.url.length > LONGEST_URL) throw new Refusal(414, "This link is too long", "Start again.");
    const route = routeAt(c.req.path);
    if (!route) throw notFound();
    if (c.req.method !== route.method) {
      c.header("allow", route.method);
      throw new Refusal(405, "Method not allowed", `This address answers ${route.method} requests only.`);
    }
    if (route.isOpen) deps.networkLimit?.admit(networkOf(c.env.address), deps.now());
    const readiness = deps.readiness();
    if (readiness !== true) {
      const message = `This provider is starting: ${readiness}. Try again in a minute.`;
      throw new Refusal(503, "Not ready yet", message, { retryAfterSeconds: 5 });
    }
    await next();
  });
  for (const { method, path, serve } of LIVE_ROUTES) app.on(method, path, serve(deps));
  app.onError((error, c) => answerError(deps, error, c));
  return app;
}

const notFound = () =>
  new Refusal(404, "Nothing here", "Run `kubectl klutch bind` with this provider's address and /export at its end.");

/** For logs: a query holds codes and tokens, and an unknown path anything at all. */
const knownPath = (c: Context) => routeAt(c.req.path) ? c.req.path : "other";

function answerError({ prettyName, signal }: AppDeps, error: Error, c: Context<AppEnv>): Response | Promise<Response> {
  const { status, title, message, level, retryAfterSeconds } = explainError(error, signal);
  const requestId = c.get("requestId");
  c.get("log")[level]("request failed", { path: knownPath(c), status, error });
  if (retryAfterSeconds !== undefined) c.header("retry-after", String(retryAfterSeconds));
  if (isForPrograms(c.req.path)) {
    const problem: Problem = { title, status, detail: message, requestId };
    return c.json(problem, status, { "content-type": "application/problem+json" });
  }
  return c.html(MessagePage({ prettyName, title, message, requestId }), status);
}
