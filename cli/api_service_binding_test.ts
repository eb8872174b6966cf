import { deepEqual, equal, rejects, throws } from "node:assert/strict";
import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import { API_VERSION } from "../crds/names.ts";
import type { Condition } from "../crds/shared.ts";
import { KubeClient } from "../kube/client.ts";
import { staticConfig } from "../kube/kubeconfig.ts";
import { checkProvider, describeUnready, ensureBinding, findBindingApi, findBindings } from "./api_service_binding.ts";
import { recordedTerminal } from "./terminal_fixture.ts";

const never = new AbortController().signal;

const condition = (type: string, status: Condition["status"], rest: Partial<Condition> = {}): Condition => ({
  type,
  status,
  lastTransitionTime: "2026-01-01T00:00:00Z",
  ...rest,
});

const binding = (fields: Partial<APIServiceBinding> = {}): APIServiceBinding => ({
  apiVersion: API_VERSION,
  kind: "APIServiceBinding",
  metadata: { name: "mangodbs.mangodb.com", uid: "u", resourceVersion: "1" },
  spec: { kubeconfigSecretRef: { name: "kubeconfig-a", key: "kubeconfig", namespace: "klutch-bind" } },
  ...fields,
});

const NOBODY = ["no konnector has looked at it yet; is one running for this cluster?"];
const unready: [name: string, conditions: Condition[] | undefined, want: string[]][] = [
  ["nothing at all", undefined, NOBODY],
  ["an empty list", [], NOBODY],
  ["our own note", [condition("Ready", "False", { reason: "Pending", message: "Pending" })], NOBODY],
  [
    "a cause beside the summary",
    [
      condition("Ready", "False", { reason: "X", message: "summary" }),
      condition("Connected", "False", { reason: "X", message: "details" }),
      condition("SecretValid", "True"),
    ],
    ["Connected=False X: details"],
  ],
  ["only the summary", [condition("Ready", "False", { reason: "X", message: "why" })], ["Ready=False X: why"]],
  ["an unknown state", [condition("Heartbeating", "Unknown")], ["Heartbeating=Unknown"]],
  [
    "a reason we know, from a konnector that gives no advice",
    [condition("SecretValid", "False", { reason: "KubeconfigSecretNotFound", message: "secret is gone" })],
    [
      "SecretValid=False KubeconfigSecretNotFound: secret is gone. " +
      "Run `kubectl klutch bind` again with the provider's URL: the Secret with its kubeconfig is gone",
    ],
  ],
  [
    "text that would paint on the terminal",
    [condition("Connected", "False", { reason: "X", message: "a\x1b[2Jb\nc" })],
    ["Connected=False X: a [2Jb c"],
  ],
];
for (const [name, conditions, want] of unready) {
  Deno.test(`describeUnready() makes of ${name} what a person can act upon`, () => {
    deepEqual(describeUnready(binding({ status: { conditions } })), want);
  });
}

Deno.test("describeUnready() copes with a binding that was never seen", () =>
  deepEqual(describeUnready(undefined), NOBODY));

interface Call {
  method: string;
  path: string;
  body?: APIServiceBinding;
}

/** An API server that serves APIServiceBindings in one scope, or not at all. */
async function withApiServer(
  scope: "Namespaced" | "Cluster" | undefined,
  existing: APIServiceBinding | undefined,
  test: (client: KubeClient, calls: Call[]) => Promise<void>,
) {
  const calls: Call[] = [];
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const { pathname: path } = new URL(request.url);
    if (path === `/apis/${API_VERSION}`) {
      const resources = [{ name: "apiservicebindings", namespaced: scope === "Namespaced" }];
      return scope ? Response.json({ resources }) : new Response("404 page not found\n", { status: 404 });
    }
    const text = await request.text();
    calls.push({ method: request.method, path, body: text ? JSON.parse(text) : undefined });
    const { body } = calls.at(-1)!;
    if (body) return Response.json({ ...body, metadata: { ...body.metadata, ...binding().metadata } });
    if (existing) return Response.json(existing);
    return Response.json({ kind: "Status", code: 404, reason: "NotFound", message: "not found" }, { status: 404 });
  });
  using client = new KubeClient(staticConfig({ server: `http://127.0.0.1:${server.addr.port}` }), {
    side: "app cluster",
  });
  await test(client, calls);
}

const { terminal } = recordedTerminal();
const quiet = { terminal, made: (create: (signal: AbortSignal) => Promise<APIServiceBinding>) => create(never) };
const wanted = { name: "mangodbs.mangodb.com", claims: [] };

Deno.test("findBindingApi() finds nothing where no konnector has run", () =>
  withApiServer(undefined, undefined, async (client) => {
    const api = await findBindingApi(client, never);
    equal(api, undefined);
    deepEqual(await findBindings(api, ["mangodbs.mangodb.com"], never), []);
  }));

Deno.test("ensureBinding() creates it in our namespace", () =>
  withApiServer("Namespaced", undefined, async (client, calls) => {
    await ensureBinding((await findBindingApi(client, never))!, wanted, "kubeconfig-a", quiet, never);
    const [, create, pending] = calls;
    equal(`${create!.method} ${create!.path}`, `POST /apis/${API_VERSION}/namespaces/klutch-bind/apiservicebindings`);
    deepEqual(create!.body!.metadata, { namespace: "klutch-bind", name: "mangodbs.mangodb.com" });
    equal(pending!.method, "PATCH");
    deepEqual(pending!.body!.metadata, { uid: "u", resourceVersion: "1" });
    deepEqual(
      pending!.body!.status!.conditions!.map(({ type, status, severity, reason, message }) => ({
        type,
        status,
        severity,
        reason,
        message,
      })),
      [{ type: "Ready", status: "False", severity: "Info", reason: "Pending", message: "Pending" }],
    );
  }));

Deno.test("ensureBinding() creates it without a namespace where an older konnector has made it cluster-scoped", () =>
  withApiServer("Cluster", undefined, async (client, calls) => {
    await ensureBinding((await findBindingApi(client, never))!, wanted, "kubeconfig-a", quiet, never);
    deepEqual(calls.slice(0, 2).map(({ method, path }) => `${method} ${path}`), [
      `GET /apis/${API_VERSION}/apiservicebindings/mangodbs.mangodb.com`,
      `POST /apis/${API_VERSION}/apiservicebindings`,
    ]);
    equal(calls[1]!.body!.metadata.namespace, undefined);
    equal(calls[1]!.body!.spec.kubeconfigSecretRef.namespace, "klutch-bind");
  }));

Deno.test("an existing binding is taken as it is, if it leads to the same provider", () =>
  withApiServer("Namespaced", binding(), async (client, calls) => {
    const api = (await findBindingApi(client, never))!;
    const [found, ...others] = await findBindings(api, ["mangodbs.mangodb.com"], never);
    deepEqual([found, others], [binding(), []]);
    checkProvider(found!, "kubeconfig-a");
    await ensureBinding(api, wanted, "kubeconfig-a", quiet, never);
    deepEqual(calls.map(({ method }) => method), ["GET", "GET"]);
    for (const other of ["kubeconfig-b", undefined]) {
      throws(() => checkProvider(found!, other), /not from this service provider/);
    }
    await rejects(ensureBinding(api, wanted, "kubeconfig-b", quiet, never), /not from this service provider/);
  }));
