import assert, { deepEqual, equal } from "node:assert/strict";
import {
  API_SERVICE_EXPORT_TEMPLATES,
  API_SERVICE_EXPORTS,
  API_SERVICE_NAMESPACE_ANNOTATION,
  API_SERVICE_NAMESPACES,
  BINDER,
  binderRoleName,
  CLUSTER_BINDINGS,
  ORPHANS_ANNOTATION,
} from "../crds/names.ts";
import type { ClusterBinding } from "../crds/cluster_binding.ts";
import { KubeClient } from "../kube/client.ts";
import {
  CLUSTER_ROLE_BINDINGS,
  EVENTS,
  type Namespace,
  NAMESPACES,
  ROLE_BINDINGS,
  type RoleBinding,
} from "../kube/resources.ts";
import { type DynamicObject, isDeleting } from "../kube/types.ts";
import { eventually, within } from "../tests/clusters.ts";
import { TestBackend } from "./contract_fixture.ts";
import { claim } from "./test_objects.ts";

/** Something an app cluster might try. */
interface Attempt {
  verb: string;
  group: string;
  resource: string;
  subresource?: string;
  name?: string;
  /** Absent: on the whole provider. */
  namespace?: string;
}

const VERBS = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "*"];

async function isAllowed(client: KubeClient, resourceAttributes: Attempt): Promise<boolean> {
  const path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
  const review = {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectAccessReview",
    spec: { resourceAttributes },
  };
  const { status } = await client.request<{ status: { allowed: boolean } }>(
    "POST",
    path,
    { body: review },
    within(10_000),
  );
  return status.allowed;
}

const attemptText = ({ verb, resource, subresource, name, namespace = "everywhere" }: Attempt) =>
  `${verb} ${[resource, subresource].filter(Boolean).join("/")}${name ? ` "${name}"` : ""} ${namespace}`;

/** What of all that may be done. */
async function allowed(client: KubeClient, attempts: Attempt[]): Promise<string[]> {
  const answers = await Promise.all(attempts.map(async (one) => await isAllowed(client, one) ? attemptText(one) : []));
  return answers.flat();
}

const everyVerb = (rest: Omit<Attempt, "verb">): Attempt[] => VERBS.map((verb) => ({ verb, ...rest }));

/** Looks again and again at what may be done, until it is stopped; tells everything that ever was allowed. */
function sample(client: KubeClient, attempts: Attempt[]) {
  const seen = new Set<string>();
  let isStopped = false;
  let rounds = 0;
  const running = (async () => {
    for (; !isStopped; rounds++) for (const text of await allowed(client, attempts)) seen.add(text);
  })();
  return async () => {
    isStopped = true;
    await running;
    assert(rounds > 3, `${rounds} rounds tell nothing`);
    return [...seen];
  };
}

Deno.test("Secrets of the whole provider are out of reach at every moment, while rights come, change and go", async () => {
  await using backend = await TestBackend.open();
  await backend.stop();
  const { group, namespace, cluster } = backend;
  const name = binderRoleName(namespace);
  // The original's provider-wide binding of the role that is about to grow.
  await cluster.client.api<RoleBinding>(CLUSTER_ROLE_BINDINGS).create({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name },
    subjects: [{ kind: "ServiceAccount", namespace, name: BINDER }],
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
  }, within(5000));
  const elsewhere = [undefined, "default", "kube-system"];
  const stop = sample(
    backend.konnector,
    elsewhere.flatMap((namespace) =>
      [{ group: "", resource: "secrets" }, { group: "", resource: "configmaps" }, { group, resource: "dbs" }]
        .flatMap((resource) => everyVerb({ ...resource, namespace }))
    ),
  );
  await backend.start();
  const dbs = await backend.offer("dbs", [claim("secrets", { selector: { owner: "Consumer" } })]);
  await backend.request("dbs");
  const mapped = await backend.mapNamespace("dev");
  await eventually("rights are there", () => backend.mayList(dbs, mapped));
  const claims = [claim("secrets"), claim("configmaps", { selector: { namespaces: ["dev"], owner: "Consumer" } })];
  await cluster.client.api(API_SERVICE_EXPORT_TEMPLATES)
    .mergePatch({ namespace, name: "dbs" }, { spec: { permissionClaims: claims } }, {}, within(5000));
  await eventually(
    "the new claim is granted",
    () => isAllowed(backend.konnector, { verb: "create", group: "", resource: "configmaps", namespace: mapped }),
  );
  await backend.stop();
  await backend.start();
  await cluster.client.api(API_SERVICE_EXPORTS).delete({ namespace, name: `dbs.${group}` }, {}, within(5000));
  await eventually("rights are taken back", async () => !(await backend.mayList(dbs, mapped)));
  deepEqual(await stop(), []);
});

Deno.test("One app cluster can do nothing to another one, whatever it tries", async () => {
  await using a = await TestBackend.open();
  await using b = await TestBackend.open();
  for (const backend of [a, b]) {
    await backend.offer("dbs", [claim("secrets", { selector: { owner: "Consumer" } })]);
    await backend.request("dbs");
  }
  const [mappedA, mappedB] = [await a.mapNamespace("dev"), await b.mapNamespace("dev")];
  const secrets = { group: "", resource: "secrets" };
  await eventually("rights are there", () => isAllowed(a.konnector, { verb: "list", ...secrets, namespace: mappedA }));

  const klutch = API_SERVICE_EXPORTS.group;
  const resources = [
    secrets,
    { group: "", resource: "configmaps" },
    { group: "", resource: "pods" },
    { group: "", resource: "pods", subresource: "exec" },
    { group: "", resource: "serviceaccounts" },
    { group: "", resource: "serviceaccounts", subresource: "token" },
    { group: "", resource: "namespaces" },
    { group: "rbac.authorization.k8s.io", resource: "roles" },
    { group: "rbac.authorization.k8s.io", resource: "rolebindings" },
    { group: "coordination.k8s.io", resource: "leases" },
    { group: b.group, resource: "dbs" },
    { group: b.group, resource: "dbs", subresource: "status" },
    { group: a.group, resource: "dbs" },
    ...[API_SERVICE_EXPORTS, API_SERVICE_NAMESPACES, CLUSTER_BINDINGS].flatMap(({ plural: resource }) => [
      { group: klutch, resource },
      { group: klutch, resource, subresource: "status" },
    ]),
    { group: klutch, resource: "apiserviceexportrequests" },
    { group: "*", resource: "*" },
  ];
  for (const namespace of [b.namespace, mappedB, undefined]) {
    deepEqual(await allowed(a.konnector, resources.flatMap((one) => everyVerb({ ...one, namespace }))), []);
  }
  for (const resource of ["users", "groups", "serviceaccounts"]) {
    equal(await isAllowed(a.konnector, { verb: "impersonate", group: "", resource }), false);
  }
  // In its own namespaces it cannot make credentials or rights that would outlive its own.
  for (const namespace of [a.namespace, mappedA]) {
    const own = [
      { group: "", resource: "serviceaccounts", subresource: "token" },
      { group: "", resource: "serviceaccounts" },
      { group: "rbac.authorization.k8s.io", resource: "roles" },
      { group: "rbac.authorization.k8s.io", resource: "rolebindings" },
    ];
    deepEqual(await allowed(a.konnector, own.flatMap((one) => everyVerb({ ...one, namespace }))), []);
  }
  const writes = ["create", "update", "patch", "delete"];
  const kubeconfig = writes.map((verb) => ({ verb, ...secrets, namespace: a.namespace }));
  deepEqual(await allowed(a.konnector, kubeconfig), []);
});

Deno.test("A claim on one Secret in one namespace gives no hold on others", async () => {
  await using backend = await TestBackend.open();
  const selector = { names: ["password"], namespaces: ["dev"], owner: "Provider" as const };
  await backend.offer("dbs", [claim("secrets", { selector })]);
  await backend.request("dbs");
  const [dev, prod] = [await backend.mapNamespace("dev"), await backend.mapNamespace("prod")];
  const secrets = { group: "", resource: "secrets" };
  const update = { verb: "update", ...secrets, name: "password", namespace: dev };
  await eventually("the claim is granted", () => isAllowed(backend.konnector, update));
  deepEqual(await allowed(backend.konnector, everyVerb({ ...secrets, namespace: prod })), []);
  const others = await allowed(backend.konnector, everyVerb({ ...secrets, name: "other", namespace: dev }));
  deepEqual(others, ["list", "watch"].map((verb) => `${verb} secrets "other" ${dev}`));

  await backend.cluster.client.api(API_SERVICE_EXPORT_TEMPLATES).mergePatch(
    { namespace: backend.namespace, name: "dbs" },
    { spec: { permissionClaims: null } },
    {},
    within(5000),
  );
  await eventually(
    "a claim that the template drops is dropped",
    async () =>
      (await allowed(backend.konnector, everyVerb({ ...secrets, name: "password", namespace: dev }))).length === 0,
  );
});

Deno.test("A namespace that carries the name of a mapped one is not taken over, and gives no rights", async () => {
  await using backend = await TestBackend.open();
  const namespaces = backend.cluster.client.api<Namespace>(NAMESPACES);
  const name = `${backend.namespace}-shop`;
  // As the app cluster "…-shop" of somebody else would have it: `a` + `b-c` is `a-b` + `c`.
  const annotations = { [API_SERVICE_NAMESPACE_ANNOTATION]: `${backend.namespace}-sh/op` };
  await namespaces.create({ apiVersion: "v1", kind: "Namespace", metadata: { name, annotations } }, within(5000));
  const mapped = await backend.mapNamespace("shop");
  assert(mapped !== name && mapped.startsWith(name), mapped);
  const { items } = await backend.cluster.client.api(ROLE_BINDINGS).list({ namespace: name }, within(5000));
  deepEqual(items, []);
  const { metadata } = await namespaces.get({ name }, within(5000));
  equal(metadata.annotations?.[API_SERVICE_NAMESPACE_ANNOTATION], `${backend.namespace}-sh/op`);
  await namespaces.delete({ name }, {}, within(5000));
});

Deno.test("A namespace with the longest name there is gets a counterpart with a name that fits", async () => {
  await using backend = await TestBackend.open();
  const mapped = await backend.mapNamespace("n".repeat(63));
  equal(mapped.length, 63);
});

Deno.test("A namespace given back while the backend was down goes when it is up again", async () => {
  await using backend = await TestBackend.open();
  const namespaces = backend.cluster.client.api<Namespace>(NAMESPACES);
  const mapped = await backend.mapNamespace("dev");
  await backend.stop();
  const requests = backend.konnector.api(API_SERVICE_NAMESPACES);
  const key = { namespace: backend.namespace, name: "dev" };
  await requests.delete(key, {}, within(5000));
  await backend.start();
  await eventually("it is gone", async () => !(await namespaces.find({ name: mapped }, within(5000))));
  await eventually("so is its request", async () => !(await requests.find(key, within(5000))));
});

const eventsOn = async (backend: TestBackend, namespace: string, name: string): Promise<string[]> => {
  const fieldSelector = `involvedObject.name=${name}`;
  const { items } = await backend.cluster.client.api<DynamicObject & { reason: string }>(EVENTS)
    .list({ namespace, fieldSelector }, within(5000));
  return items.map(({ reason }) => reason);
};

Deno.test("Data without an owner is told about, and deleted only when somebody asks for it", async () => {
  await using backend = await TestBackend.open();
  const namespaces = backend.cluster.client.api<Namespace>(NAMESPACES);
  const name = `${backend.namespace}-ghost`;
  const annotations = { [API_SERVICE_NAMESPACE_ANNOTATION]: `${backend.namespace}/ghost` };
  await namespaces.create({ apiVersion: "v1", kind: "Namespace", metadata: { name, annotations } }, within(5000));
  await eventually("it is told", async () => (await eventsOn(backend, "default", name)).includes("OrphanedNamespace"));
  equal(isDeleting(await namespaces.get({ name }, within(5000))), false);
  await namespaces.mergePatch(
    { name },
    { metadata: { annotations: { [ORPHANS_ANNOTATION]: "delete" } } },
    {},
    within(5000),
  );
  await eventually("it goes", async () => {
    const found = await namespaces.find({ name }, within(5000));
    return !found || isDeleting(found);
  });
});

Deno.test("An app cluster that was never heard of again is told about, and its contract ends on request", async () => {
  await using backend = await TestBackend.open();
  const namespaces = backend.cluster.client.api<Namespace>(NAMESPACES);
  const key = { namespace: backend.namespace, name: "cluster" };
  const bindings = backend.cluster.client.api<ClusterBinding>(CLUSTER_BINDINGS);
  await backend.stop();
  await backend.start({ now: () => new Date(Date.now() + 25 * 3_600_000) });
  await eventually("its ClusterBinding tells", async () => {
    const { status } = await bindings.get(key, within(5000));
    return status?.conditions?.some(({ reason }) => reason === "AppClusterVanished");
  });
  await eventually(
    "so does an Event",
    async () => (await eventsOn(backend, backend.namespace, "cluster")).includes("AppClusterVanished"),
  );
  equal(isDeleting(await namespaces.get({ name: backend.namespace }, within(5000))), false);
  await bindings.mergePatch(key, { metadata: { annotations: { [ORPHANS_ANNOTATION]: "delete" } } }, {}, within(5000));
  await eventually("its namespace goes", async () => {
    const found = await namespaces.find({ name: backend.namespace }, within(5000));
    return !found || isDeleting(found);
  });
});

Deno.test("A backend that dies after any of its writes is followed by one that finishes the work", async () => {
  await using backend = await TestBackend.open();
  let wasCut = true;
  for (let writes = 0; wasCut; writes++) {
    await backend.stop();
    const plural = `dbs${String.fromCharCode(97 + writes)}s`;
    const resource = await backend.offer(plural, [claim("secrets", { selector: { namespaces: [plural] } })]);
    const [answered, mapping] = [backend.request(plural), backend.mapNamespace(plural)];
    let left = writes;
    wasCut = false;
    using dying = new KubeClient(backend.cluster.config, {
      beforeWrite: () => {
        if (left-- > 0) return;
        wasCut = true;
        throw new Error("the process is dead");
      },
    });
    await backend.start({ client: dying });
    let isDone = false;
    void Promise.all([answered, mapping]).then(() => isDone = true);
    await eventually("it dies or is done", () => wasCut || isDone);
    await backend.stop();
    await backend.start();
    equal((await answered).status?.phase, "Succeeded", `after ${writes} writes`);
    const mapped = await mapping;
    await eventually(`rights are complete after ${writes} writes`, () => backend.mayList(resource, mapped));
    const claimed = { verb: "list", group: "", resource: "secrets", namespace: mapped };
    await eventually(`claims are granted after ${writes} writes`, () => isAllowed(backend.konnector, claimed));
    assert(writes < 20, "it never got through");
  }
});
