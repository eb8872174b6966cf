import assert, { deepEqual } from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import {
  API_SERVICE_EXPORT_REQUESTS,
  API_SERVICE_EXPORT_TEMPLATES,
  API_SERVICE_EXPORTS,
  API_SERVICE_NAMESPACES,
  BINDER,
  binderRoleName,
  CLUSTER_BINDING_NAME,
  CLUSTER_BINDINGS,
  KUBECONFIG,
} from "../crds/names.ts";
import { KubeClient, type Query, type RequestOptions } from "../kube/client.ts";
import { discover, type ServedResource } from "../kube/discovery.ts";
import { isUnauthorized, KubeError } from "../kube/errors.ts";
import { parallel } from "../kube/parallel.ts";
import { parseReceivedKubeconfig } from "../kube/received_kubeconfig.ts";
import {
  CLUSTER_ROLE_BINDINGS,
  NAMESPACES,
  type PolicyRule,
  type RoleBinding,
  SECRETS,
  SERVICE_ACCOUNTS,
} from "../kube/resources.ts";
import { requestToken } from "../kube/service_account_token.ts";
import { apiVersionOf, resourceName } from "../kube/types.ts";
import { eventually, within } from "../tests/clusters.ts";
import { TestBackend } from "./contract_fixture.ts";
import { tenantKubeconfig } from "./tenant_kubeconfig.ts";
import { claim } from "./test_objects.ts";

// Two app clusters, Ann's and Bob's, bound to the same API. What Ann may do is asked with her own credential: of the
// authorizer, which lists all of her rights, and of the API server by doing it.

type Place = "own" | "mapped" | "Bob's" | "Bob's mapped" | "default" | "kube-system";

const READ = ["get", "list", "watch"];
const STATUS = ["get", "patch", "update"];
const ALL = [...READ, "create", "update", "patch", "delete"];
const API = "dbs";

/** `get secrets`, `update dbs.x.io/status`, `delete secrets "a"`. */
const rightsOf = (table: Record<string, string[]>): string[] =>
  Object.entries(table).flatMap(([resource, verbs]) => verbs.map((verb) => `${verb} ${resource}`));

/** In the cluster namespace. */
const OWN = rightsOf({
  [resourceName(API_SERVICE_EXPORT_REQUESTS)]: ALL,
  [resourceName(API_SERVICE_NAMESPACES)]: ALL,
  [resourceName(API_SERVICE_EXPORTS)]: READ,
  [`${resourceName(API_SERVICE_EXPORTS)}/status`]: STATUS,
  [resourceName(CLUSTER_BINDINGS)]: READ,
  [`${resourceName(CLUSTER_BINDINGS)}/status`]: STATUS,
  namespaces: ["get"],
  secrets: READ,
});

function expand({ apiGroups = [], resources = [], resourceNames = [], verbs }: PolicyRule): string[] {
  const names = resourceNames.length > 0 ? resourceNames.map((name) => ` "${name}"`) : [""];
  return apiGroups.flatMap((group) =>
    resources.flatMap((path) => {
      const [plural = "", ...rest] = path.split("/");
      const resource = [resourceName({ group, plural }), ...rest].join("/");
      return verbs.flatMap((verb) => names.map((name) => `${verb} ${resource}${name}`));
    })
  );
}

/** All that the client may do in a namespace, and with what is in none. */
async function rightsIn(client: KubeClient, namespace: string): Promise<string[]> {
  const { status } = await client.request<{ status: { resourceRules: PolicyRule[]; incomplete: boolean } }>(
    "POST",
    "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
    { body: { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectRulesReview", spec: { namespace } } },
    within(10_000),
  );
  assert(!status.incomplete);
  return status.resourceRules.flatMap(expand);
}

/** What a ServiceAccount may do that nobody has granted anything. */
async function rightsOfAnybody({ cluster }: TestBackend): Promise<Set<string>> {
  const { client, config } = cluster;
  await using own = await cluster.namespace("anybody");
  const namespace = own.name;
  const metadata = { namespace, name: "anybody" };
  await client.api(SERVICE_ACCOUNTS).create({ apiVersion: "v1", kind: "ServiceAccount", metadata }, within(5000));
  const secret = await client.api(SECRETS).create({ apiVersion: "v1", kind: "Secret", metadata }, within(5000));
  const bound = { name: "anybody", uid: secret.metadata.uid! };
  const token = await requestToken(client, metadata, { lifetimeSeconds: 600, secret: bound }, within(5000));
  using anybody = new KubeClient(parseReceivedKubeconfig(tenantKubeconfig(config, { namespace, token })));
  return new Set(await rightsIn(anybody, namespace));
}

const placesOf = (ann: TestBackend, bob: TestBackend): Record<Place, string> => ({
  own: ann.namespace,
  mapped: `${ann.namespace}-dev`,
  "Bob's": bob.namespace,
  "Bob's mapped": `${bob.namespace}-dev`,
  default: "default",
  "kube-system": "kube-system",
});

/** Ann offers an API with a claim on Secrets, and Bob an API of his own; both bind Ann's, and Bob his as well. */
async function bindBoth(ann: TestBackend, bob: TestBackend): Promise<void> {
  const claims = [claim("secrets", { selector: { owner: "Consumer" } })];
  const shared = await ann.offer(API, claims);
  await bob.offerServed(API, ann.group, claims);
  await bob.offer("queues");
  await ann.request(API);
  await bob.requestResources({ group: ann.group, resource: API }, { group: bob.group, resource: "queues" });
  for (const backend of [ann, bob]) {
    const mapped = await backend.mapNamespace("dev");
    for (const one of [shared, SECRETS]) await eventually("rights are there", () => backend.mayList(one, mapped));
  }
}

for (const scope of ["Namespaced", "Cluster"] as const) {
  Deno.test(`Two app clusters of one API: neither has any right but on what is its own, with scope ${scope}`, async () => {
    await using ann = await TestBackend.open(scope);
    await using bob = await TestBackend.open(scope);
    const anybody = await rightsOfAnybody(ann);
    await bindBoth(ann, bob);
    const instances = rightsOf({ [`${API}.${ann.group}`]: ALL });
    const wide = scope === "Cluster" ? instances : [];
    const wanted: Record<Place, string[]> = {
      own: [...OWN, ...wide],
      mapped: [...instances, ...rightsOf({ secrets: ALL })],
      "Bob's": wide,
      "Bob's mapped": wide,
      default: wide,
      "kube-system": wide,
    };
    for (const [place, namespace] of Object.entries(placesOf(ann, bob))) {
      const rights = new Set(await rightsIn(ann.konnector, namespace)).difference(anybody);
      deepEqual([...rights].sort(), wanted[place as Place].toSorted(), place);
    }
  });
}

Deno.test("A claim on one Secret in one namespace gives no hold on others, and none when it is dropped", async () => {
  await using ann = await TestBackend.open();
  await ann.offer(API, [
    claim("secrets", { selector: { names: ["password"], namespaces: ["dev"], owner: "Provider" } }),
  ]);
  await ann.request(API);
  const [dev, prod] = [await ann.mapNamespace("dev"), await ann.mapNamespace("prod")];
  const toSecrets = async (namespace: string) =>
    (await rightsIn(ann.konnector, namespace)).filter((right) => / secrets\b/.test(right)).sort();
  const wanted = rightsOf({ secrets: ["list", "watch"], 'secrets "password"': ["get", "update", "patch"] }).sort();
  await eventually("the claim is granted", async () => isDeepStrictEqual(await toSecrets(dev), wanted));
  deepEqual(await toSecrets(prod), []);

  const template = { namespace: ann.namespace, name: API };
  await ann.cluster.client.api(API_SERVICE_EXPORT_TEMPLATES)
    .mergePatch(template, { spec: { permissionClaims: null } }, {}, within(5000));
  await eventually("nothing is left of it", async () => (await toSecrets(dev)).length === 0);
});

/** One thing to try; writes are dry runs, so that a right which should not be there does no harm. */
interface Attempt {
  method: string;
  path: string;
  query: Query;
}

/** Every verb on one resource and its subresources, in a namespace or, without one, on the whole provider. */
function attemptsOn(resource: ServedResource, namespace: string | undefined): Attempt[] {
  const { group, plural, namespaced, subresources } = resource;
  const root = `/${group ? "apis" : "api"}/${apiVersionOf(resource)}`;
  const collection = `${root}${namespace && namespaced ? `/namespaces/${namespace}` : ""}/${plural}`;
  const on = (path: string, ...methods: string[]): Attempt[] =>
    methods.map((method) => ({ method, path, query: method === "GET" ? {} : { dryRun: "All" } }));
  const everywhere = [
    ...on(collection, "GET", "DELETE"),
    { method: "GET", path: collection, query: { watch: "true", timeoutSeconds: "1" } },
  ];
  if (namespaced && !namespace) return everywhere;
  const name = { secrets: KUBECONFIG, namespaces: namespace, clusterbindings: CLUSTER_BINDING_NAME }[plural] ?? BINDER;
  const object = `${collection}/${name}`;
  return [
    ...everywhere,
    ...on(collection, "POST"),
    ...on(object, "GET", "PUT", "PATCH", "DELETE"),
    ...subresources.flatMap((part) => on(`${object}/${part}`, "GET", "POST", "PUT", "PATCH", "DELETE")),
  ];
}

async function statusOf(client: KubeClient, { method, path, query }: Attempt): Promise<number> {
  const options: RequestOptions = {
    query,
    ...(method !== "GET" && { body: {} }),
    ...(method === "PATCH" && { contentType: "application/merge-patch+json" }),
  };
  try {
    await client.request(method, path, options, within(10_000));
    return 200;
  } catch (error) {
    if (error instanceof KubeError) return error.status;
    throw error;
  }
}

/** What everybody may ask about themselves. */
const isSelfReview = ({ plural }: ServedResource) => plural.startsWith("selfsubject");

Deno.test("Every verb on everything the provider serves, tried on Bob's, the system's and no namespace, is refused", async () => {
  await using ann = await TestBackend.open();
  await using bob = await TestBackend.open();
  await bindBoth(ann, bob);
  const { own: _, mapped: __, ...foreign } = placesOf(ann, bob);
  const { resources } = await discover(ann.cluster.client, within(10_000));
  const attempts = resources.filter((one) => !isSelfReview(one)).flatMap((resource) =>
    [undefined, ...Object.values(foreign)].flatMap((namespace) => attemptsOn(resource, namespace))
  );
  const unique = new Map(attempts.map((one) => [`${one.method} ${one.path}?${one.query.watch ?? ""}`, one]));
  const admitted: string[] = [];
  await parallel(unique, 32, async ([text, attempt]) => {
    const status = await statusOf(ann.konnector, attempt);
    if (status !== 403) admitted.push(`${status} ${text}`);
  }, within(120_000));
  assert(unique.size > 1000, `${unique.size} attempts`);
  deepEqual(admitted, []);
});

/** Everything that was allowed at some moment while something happens, by looking again and again. */
async function rightsDuring(client: KubeClient, places: Record<Place, string>, happening: () => Promise<void>) {
  const seen = new Map(Object.keys(places).map((place) => [place as Place, new Set<string>()]));
  let rounds = 0;
  let isOver = false;
  const look = async () => {
    for (; !isOver; rounds++) {
      await Promise.all(
        Object.entries(places).map(async ([place, namespace]) => {
          const rights = await rightsIn(client, namespace).catch((error) => {
            if (isUnauthorized(error)) return []; // nobody any more
            throw error;
          });
          for (const right of rights) seen.get(place as Place)!.add(right);
        }),
      );
    }
  };
  await Promise.all([happening().finally(() => isOver = true), look()]);
  assert(rounds > 20, `${rounds} rounds tell nothing`);
  return seen;
}

/** A contract from the first bind to its end, with all that may change about it. */
async function liveThrough(ann: TestBackend, bob: TestBackend): Promise<void> {
  const { client } = ann.cluster;
  await ann.start();
  await bindBoth(ann, bob);
  const template = { namespace: ann.namespace, name: API };
  const claims = [claim("configmaps"), claim("secrets", { selector: { names: ["a"], namespaces: ["dev"] } })];
  await client.api(API_SERVICE_EXPORT_TEMPLATES)
    .mergePatch(template, { spec: { permissionClaims: claims } }, {}, within(5000));
  const mayRead = async (right: string) => (await rightsIn(ann.konnector, `${ann.namespace}-dev`)).includes(right);
  await eventually("the new claims are granted", () => mayRead('get secrets "a"'));
  await ann.stop();
  await ann.start();
  const requests = ann.konnector.api(API_SERVICE_NAMESPACES);
  await requests.delete({ namespace: ann.namespace, name: "dev" }, {}, within(5000));
  await eventually(
    "the namespace is given back",
    async () => !(await requests.find({ namespace: ann.namespace, name: "dev" }, within(5000))),
  );
  await ann.mapNamespace("dev");
  const exports = client.api(API_SERVICE_EXPORTS);
  await exports.delete({ namespace: ann.namespace, name: `${API}.${ann.group}` }, {}, within(5000));
  await eventually("rights go with the export", async () => !(await mayRead(`get ${API}.${ann.group}`)));
  await client.api(NAMESPACES).delete({ name: ann.namespace }, {}, within(5000));
  await eventually(
    "the credential ends with the contract",
    () => rightsIn(ann.konnector, "default").then(() => false, isUnauthorized),
  );
}

Deno.test("Whoever tries all the time, from the first bind to the end of the contract, finds no moment with a right too much", async () => {
  await using ann = await TestBackend.open();
  await using bob = await TestBackend.open();
  const { client } = ann.cluster;
  const anybody = await rightsOfAnybody(ann);
  await ann.stop();
  // What the original leaves on the whole provider: a binding of the role that is about to grow.
  const name = binderRoleName(ann.namespace);
  await client.api<RoleBinding>(CLUSTER_ROLE_BINDINGS).create({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name },
    subjects: [{ kind: "ServiceAccount", namespace: ann.namespace, name: BINDER }],
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
  }, within(5000));
  const places = placesOf(ann, bob);
  const seen = await rightsDuring(ann.konnector, places, () => liveThrough(ann, bob));

  const mapped = rightsOf({ [`${API}.${ann.group}`]: ALL, secrets: ALL, configmaps: ALL });
  const named = mapped.map((right) => `${right} "a"`);
  const wanted = new Map<Place, string[]>([["own", OWN], ["mapped", [...mapped, ...named]]]);
  for (const [place, rights] of seen) {
    deepEqual([...rights.difference(anybody).difference(new Set(wanted.get(place)))], [], place);
  }
});
