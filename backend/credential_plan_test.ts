import assert, { equal } from "node:assert/strict";
import type { Secret } from "../kube/resources.ts";
import { type CredentialView, planCredential, planLegacyToken } from "./credential_plan.ts";
import { tenantKubeconfig, toBase64 } from "./tenant_kubeconfig.ts";

const NOW = new Date("2026-06-01T12:00:00Z");
const DAY_SECONDS = 86_400;
const external = { server: "https://api.example.com:6443" };
const base64url = (value: unknown) =>
  new TextEncoder().encode(JSON.stringify(value)).toBase64({ alphabet: "base64url", omitPadding: true });

interface Claims {
  sub?: string;
  /** Seconds from now. */
  iat?: number;
  exp?: number;
  secret?: string;
  account?: string;
}

function token({ sub = "system:serviceaccount:cluster-a:klutch-binder", iat, exp, secret, account }: Claims): string {
  const at = (seconds: number | undefined) => seconds === undefined ? undefined : NOW.getTime() / 1000 + seconds;
  const bound = { secret: secret && { uid: secret }, serviceaccount: { uid: account ?? "account-1" } };
  return `${base64url({ alg: "RS256" })}.${
    base64url({ sub, iat: at(iat), exp: at(exp), "kubernetes.io": bound })
  }.c2ln`;
}

const FRESH: Claims = { iat: -DAY_SECONDS, exp: 6 * DAY_SECONDS, secret: "secret-1" };
const kubeconfig = (claims: Claims) => tenantKubeconfig(external, { namespace: "cluster-a", token: token(claims) });

const view = (text: string | undefined, rest: Partial<CredentialView> = {}): CredentialView => ({
  namespace: "cluster-a",
  external,
  secret: {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { namespace: "cluster-a", name: "kubeconfig", uid: "secret-1" },
    ...(text !== undefined && { data: { kubeconfig: toBase64(text) } }),
  } as Secret,
  ...rest,
});

const cases: [name: string, view: CredentialView, want: RegExp][] = [
  ["keeps what has more than half of its time", view(kubeconfig(FRESH), { accountUid: "account-1" }), /^keep/],
  [
    "renews at half the time",
    view(kubeconfig({ ...FRESH, iat: -4 * DAY_SECONDS, exp: 3 * DAY_SECONDS })),
    /^issue half/,
  ],
  ["renews what has expired", view(kubeconfig({ ...FRESH, exp: -1 })), /^issue half/],
  ["replaces a token without end", view(kubeconfig({})), /^issue .*no end/],
  [
    "replaces what ended with another Secret of that name",
    view(kubeconfig({ ...FRESH, secret: "0" })),
    /^issue .*Secret/,
  ],
  ["replaces what is bound to no Secret", view(kubeconfig({ ...FRESH, secret: undefined })), /^issue .*Secret/],
  [
    "replaces what ended with its ServiceAccount",
    view(kubeconfig(FRESH), { accountUid: "account-2" }),
    /^issue .*ServiceAccount/,
  ],
  [
    "writes another address of the API server",
    view(kubeconfig(FRESH), { external: { server: "https://new.example.com" } }),
    /^issue .*another way/,
  ],
  ["leaves an empty Secret alone", view(undefined), /^leave/],
  ["leaves what is no YAML alone", view("{"), /^leave/],
  ["leaves YAML of another shape alone", view("users: 1"), /^leave/],
  ["leaves a token that is none of ours alone", view(kubeconfig({ ...FRESH, sub: "system:admin" })), /^leave/],
  [
    "leaves a token of another namespace's account alone",
    view(kubeconfig({ ...FRESH, sub: "system:serviceaccount:cluster-b:klutch-binder" })),
    /^leave/,
  ],
  [
    "leaves an opaque token alone",
    view(tenantKubeconfig(external, { namespace: "cluster-a", token: "abc" })),
    /^leave/,
  ],
];
for (const [name, given, want] of cases) {
  Deno.test(`planCredential() ${name}`, () => {
    const plan = planCredential(given, NOW);
    assert.match(`${plan.do} ${"why" in plan ? plan.why : ""}`, want);
  });
}

Deno.test("planCredential() says when half of the time will be over", () => {
  const plan = planCredential(view(kubeconfig(FRESH)), NOW);
  equal("renewInMs" in plan && plan.renewInMs, 2.5 * DAY_SECONDS * 1000);
});

const at = (minutes: number) => new Date(NOW.getTime() + minutes * 60_000);
const HOUR_MS = 3_600_000;

Deno.test("planLegacyToken() waits for a report that the konnector made with the new credential at hand", () => {
  const waitMs = (minutes: number, seenAt?: Date) => planLegacyToken(NOW, { seenAt, lifetimeMs: HOUR_MS }, at(minutes));
  equal(waitMs(5, at(5)), HOUR_MS - 5 * 60_000);
  equal(waitMs(15, at(-1)), HOUR_MS - 15 * 60_000);
  equal(waitMs(15, at(10)), 0);
});

Deno.test("planLegacyToken() waits for a silent app cluster as long as a credential lasts", () => {
  equal(planLegacyToken(NOW, { lifetimeMs: HOUR_MS }, at(59)), 60_000);
  equal(planLegacyToken(NOW, { lifetimeMs: HOUR_MS }, at(60)), 0);
});
