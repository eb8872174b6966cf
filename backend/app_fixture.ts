import { silentLog } from "../kube/log.ts";
import { parseCookieKeys } from "../oidc/cookie_keys.ts";
import { OidcError } from "../oidc/errors.ts";
import { OneTimeCodes } from "../oidc/one_time_code.ts";
import type { Identity } from "../oidc/identity.ts";
import { SessionSealer } from "../oidc/session.ts";
import { LoginStates } from "../oidc/state.ts";
import { FakeClock } from "../tests/fake_clock.ts";
import { type AppDeps, createApp } from "./app.ts";
import type { AuditRecord } from "./audit.ts";
import { BindTokens } from "./bind_token.ts";
import { CataloguePages } from "./catalogue_pages.tsx";
import type { MyCluster } from "./my_clusters.ts";
import { Contract } from "./openapi_fixture.ts";
import { RateLimit } from "./rate_limit.ts";
import { describeSchema } from "./schema_doc.ts";
import { catalogue, claim, crd, template } from "./test_objects.ts";

const ISSUER = "https://sso.example.com";
const OFFERS = catalogue([crd("dbs", "acme.io"), crd("queues", "acme.io"), crd("vaults", "acme.io")], [
  template("d", ["dbs", "acme.io"], { claims: [claim("secrets")] }),
  template("q", ["queues", "acme.io"]),
  template("v", ["vaults", "acme.io"], { allowedGroups: ["security"] }),
]);
const SCHEMA = crd("dbs", "acme.io", { properties: { size: { type: "integer" } } })
  .spec.versions[0]!.schema!.openAPIV3Schema!;
const CLUSTER: MyCluster = {
  clusterId: "cl1",
  namespace: "cluster-a",
  lastHeartbeat: "2026-06-01T11:59:00Z",
  konnectorVersion: "v1.4.0",
  healthy: { type: "Healthy", status: "True", lastTransitionTime: "2026-06-01T11:59:00Z" },
  apis: [{ name: "dbs.acme.io", plural: "dbs", schema: { isRefused: false, why: "schema <a> is breaking" } }],
};
export const VERIFIER = "v".repeat(43);
export const CHALLENGE = "7w_YNF9DSfIdPf_pRjSq646_kPr-2-o9NAl16JGghdM";
const KEYS = parseCookieKeys({ signingKey: btoa("k".repeat(32)) });

/** An app without cluster and issuer, each of whose answers to programs is compared with its OpenAPI document. */
export interface TestApp {
  app: Pick<ReturnType<typeof createApp>, "routes"> & {
    /** @param address of who asks */
    request(path: string, init?: RequestInit, address?: string): Promise<Response>;
  };
  clock: FakeClock;
  /** Identities that tenants were made for. */
  bound: { subject: string; clusterId: string }[];
  /** What the audit log has got. */
  audited: (AuditRecord & { what: string })[];
  identity: Partial<Identity>;
  /** Ids of codes that were redeemed. */
  taken: Set<string>;
  /** Called when something about somebody's clusters has changed. */
  changes: (() => void)[];
}

/** Asks to bind as a program with a token does. */
export const bindByToken = ({ app }: TestApp, body: string, headers: Record<string, string> = {}): Promise<Response> =>
  app.request("/api/bind", {
    method: "POST",
    headers: { authorization: "Bearer a.b.c", "content-type": "application/json", ...headers },
    body,
  });

/** @param changes over what is usual */
export function testApp(changes: Partial<AppDeps> = {}): TestApp {
  const clock = new FakeClock("2026-06-01T12:00:00Z");
  const now = () => clock.now();
  const taken = new Set<string>();
  const test: Omit<TestApp, "app"> = {
    clock,
    taken,
    changes: [],
    bound: [],
    audited: [],
    identity: { subject: "jane", email: "jane@example.com" },
  };
  const app = createApp({
    prettyName: "Example <Backend>",
    version: "v1.4.0",
    urls: {
      authorize: "https://klutch.example.com/authorize",
      response: "https://klutch.example.com/response",
      tokenBind: "https://klutch.example.com/api/bind",
      tokenApis: "https://klutch.example.com/api/apis",
      clusters: "https://klutch.example.com/clusters",
    },
    isSecure: true,
    redirectOrigins: [],
    legacyCallback: true,
    admission: { groups: [], users: [] },
    readiness: () => true,
    relyingParty: () => ({
      issuer: ISSUER,
      authorizationUrl: ({ state }) => Promise.resolve(new URL(`${ISSUER}/auth?${new URLSearchParams({ state })}`)),
      exchange(callback) {
        const error = callback.get("error");
        if (error) return Promise.reject(new OidcError("login_denied", `Cannot log in: ${error}`));
        if (callback.get("code") !== "good") return Promise.reject(new OidcError("code_rejected", "Cannot log in"));
        return Promise.resolve({ issuer: ISSUER, subject: "", ...test.identity });
      },
      [Symbol.dispose]: () => {},
    }),
    tokenLogin: {
      identify: () => Promise.resolve({ identity: { issuer: ISSUER, subject: "", ...test.identity }, isNamed: false }),
    },
    bindLimit: new RateLimit({ burst: 5, everyMs: 60_000 }),
    states: new LoginStates(KEYS, { now }),
    sessions: new SessionSealer(KEYS, { now }),
    bindTokens: new BindTokens(KEYS),
    codes: new OneTimeCodes(KEYS, { now }),
    catalogue: OFFERS,
    cataloguePages: new CataloguePages({ prettyName: "Example <Backend>", catalogue: OFFERS }),
    describe: ({ api }) => Promise.resolve(describeSchema(api, "v1", SCHEMA)),
    myClusters: {
      of: (subject) => subject === "jane" ? [CLUSTER] : [],
      watch: (_subject, onChange) => test.changes.push(onChange),
    },
    ensureTenant({ subject, clusterId }) {
      test.bound.push({ subject, clusterId });
      return Promise.resolve({ namespace: "cluster-a", kubeconfig: "apiVersion: v1\n", credentialId: "JTI=1" });
    },
    takeCode({ codeId }) {
      const isFirst = !test.taken.has(codeId);
      test.taken.add(codeId);
      return Promise.resolve(isFirst);
    },
    audit: (what, record) => void test.audited.push({ what, ...record }),
    log: silentLog,
    now,
    stopping: new AbortController().signal,
    signal: new AbortController().signal,
    ...changes,
  });
  let contract: Contract | undefined;
  async function request(path: string, init?: RequestInit, address = "192.0.2.1"): Promise<Response> {
    const asked = new Request(`http://localhost${path}`, init);
    const response = await app.request(asked, undefined, { address });
    contract ??= await Contract.of(app);
    await contract.assertKept(asked.method, new URL(asked.url).pathname, response);
    return response;
  }
  return { ...test, app: { routes: app.routes, request } };
}
