import assert, { deepEqual, equal, rejects } from "node:assert/strict";
import type { APIServiceExport } from "../crds/api_service_export.ts";
import type { ClusterBinding } from "../crds/cluster_binding.ts";
import { installCrds } from "../crds/install.ts";
import { KINDS } from "../crds/kinds.ts";
import {
  API_SERVICE_EXPORT_REQUESTS,
  API_SERVICE_EXPORT_TEMPLATES,
  API_SERVICE_EXPORTS,
  API_SERVICE_NAMESPACES,
  binderRoleName,
  CLUSTER_BINDINGS,
  IDENTITY_ANNOTATION,
} from "../crds/names.ts";
import { isForbidden } from "../kube/errors.ts";
import { silentLog } from "../kube/log.ts";
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  CONFIG_MAPS,
  CUSTOM_RESOURCE_DEFINITIONS,
  type CustomResourceDefinition,
  type Namespace,
  NAMESPACES,
  type Role,
  type RoleBinding,
  type Secret,
  SECRETS,
} from "../kube/resources.ts";
import { TaskGroup } from "../kube/tasks.ts";
import { isDeleting } from "../kube/types.ts";
import { eventually, provider, uniqueName, within } from "../tests/clusters.ts";
import { depsFor, fail, TestBackend } from "./contract_fixture.ts";
import { identityText } from "./identity.ts";
import { createCaches } from "./provider_caches.ts";
import { Refusal } from "./refusal.ts";
import { ensureTenant } from "./tenant.ts";
import { claim } from "./test_objects.ts";

Deno.test("A user's app cluster gets one namespace, however often and at once it binds", async () => {
  await using backend = await TestBackend.open();
  const tenants = await Promise.all(Array.from({ length: 5 }, () => backend.bind()));
  deepEqual(new Set(tenants.map(({ namespace }) => namespace)), new Set([backend.namespace]));
  deepEqual(new Set(tenants.map(({ kubeconfig }) => kubeconfig)).size, 1);
  const { items } = await backend.cluster.client.api<Namespace>(NAMESPACES).list({}, within(5000));
  const text = identityText(backend.identity);
  equal(items.filter(({ metadata }) => metadata.annotations?.[IDENTITY_ANNOTATION] === text).length, 1);
});

Deno.test("Five first binds at once end at one namespace, too", async () => {
  using cluster = await provider();
  const identity = { subject: uniqueName("joe"), clusterId: "cl1" };
  await installCrds(cluster.client, KINDS, silentLog, within(30_000));
  const { namespaces } = createCaches(depsFor(cluster));
  const deps = {
    ...depsFor(cluster),
    namespaces: namespaces.store, // empty: none of them knows of the others
    namespacePrefix: "t",
    prettyName: "Test",
  };
  const tenants = await Promise.all(
    Array.from({ length: 5 }, () => ensureTenant(deps, identity, within(20_000))),
  );
  await cluster.client.api(NAMESPACES).delete({ name: tenants[0]!.namespace }, {}, within(5000));
  equal(new Set(tenants.map(({ namespace }) => namespace)).size, 1);
});

Deno.test("A user who invents one app cluster after another fills no provider: there is a limit, and what is bound goes on", async () => {
  await using backend = await TestBackend.open();
  const limit = { appClustersPerUser: 2 };
  const second = await backend.bind(limit, "cl2");
  await rejects(backend.bind(limit, "cl3"), (error) => {
    return error instanceof Refusal && error.status === 403 &&
      /2 app clusters.*--app-clusters-per-user/.test(error.message);
  });
  equal((await backend.bind(limit)).namespace, backend.namespace);
  const namespaces = backend.cluster.client.api<Namespace>(NAMESPACES);
  await namespaces.delete({ name: second.namespace }, {}, within(5000));
  const third = await backend.bind(limit, "cl3");
  await namespaces.delete({ name: third.namespace }, {}, within(5000));
});

Deno.test("A contract of the original backend is taken over", async () => {
  using cluster = await provider();
  const { client } = cluster;
  await installCrds(client, KINDS, silentLog, within(30_000));
  const identity = { subject: uniqueName("jim"), clusterId: "cl1" };
  const name = uniqueName("legacy");
  const annotations = { [IDENTITY_ANNOTATION]: identityText(identity) };
  await client.api<Namespace>(NAMESPACES)
    .create({ apiVersion: "v1", kind: "Namespace", metadata: { name, annotations } }, within(5000));
  await client.api<ClusterBinding>(CLUSTER_BINDINGS).create({
    apiVersion: "klutch.anynines.com/v1alpha1",
    kind: "ClusterBinding",
    metadata: { namespace: name, name: "cluster" },
    spec: { kubeconfigSecretRef: { name: "other-name", key: "kubeconfig" }, providerPrettyName: "Before" },
  }, within(5000));
  const caches = createCaches(depsFor(cluster));
  await using tasks = new TaskGroup(fail, within(30_000));
  tasks.run((signal) => caches.namespaces.watch({}, signal));
  await caches.namespaces.synced(within(10_000));
  const deps = {
    ...depsFor(cluster),
    namespaces: caches.namespaces.store,
    namespacePrefix: "t",
    prettyName: "After",
    external: { server: "https://x" },
  };
  const tenant = await ensureTenant(deps, identity, within(20_000));
  const secret = await client.api<Secret>(SECRETS).get({ namespace: name, name: "other-name" }, within(5000));
  await client.api(NAMESPACES).delete({ name }, {}, within(5000));
  equal(tenant.namespace, name);
  equal(atob(secret.data!.kubeconfig!), tenant.kubeconfig);
});

Deno.test("The credential works at once, in its own namespace and nowhere else", async () => {
  await using backend = await TestBackend.open();
  const { namespace } = backend;
  equal(await backend.mayList(API_SERVICE_EXPORTS, namespace), true);
  equal(await backend.mayList(API_SERVICE_EXPORT_REQUESTS, namespace), true);
  for (const elsewhere of ["default", "kube-system", undefined]) {
    equal(await backend.mayList(API_SERVICE_EXPORTS, elsewhere), false, elsewhere);
    equal(await backend.mayList(SECRETS, elsewhere), false, elsewhere);
  }
  await rejects(
    backend.konnector.api<APIServiceExport>(API_SERVICE_EXPORTS).delete(
      { namespace, name: "dbs.x.io" },
      {},
      within(5000),
    ),
    isForbidden,
  );
});

Deno.test("A request becomes an export, with rights to its API in mapped namespaces only", async () => {
  await using backend = await TestBackend.open();
  const dbs = await backend.offer("dbs", [claim("secrets"), claim("configmaps")]);
  const { status } = await backend.request("dbs");
  equal(status?.phase, "Succeeded");
  const key = { namespace: backend.namespace, name: `dbs.${backend.group}` };
  const exported = await backend.konnector.api<APIServiceExport>(API_SERVICE_EXPORTS).get(key, within(5000));
  equal(exported.spec.informerScope, "Namespaced");
  deepEqual(exported.spec.permissionClaims?.map(({ resource }) => resource), ["secrets", "configmaps"]);

  const mapped = await backend.mapNamespace("dev");
  equal(mapped, `${backend.namespace}-dev`);
  for (const resource of [dbs, SECRETS, CONFIG_MAPS]) {
    await eventually(`rights to ${resource.plural} reach it`, () => backend.mayList(resource, mapped));
    equal(await backend.mayList(resource, "default"), false, `${resource.plural} in another namespace`);
    equal(await backend.mayList(resource), false, `${resource.plural} everywhere`);
  }
  const name = binderRoleName(backend.namespace);
  const wide = await backend.cluster.client.api<RoleBinding>(CLUSTER_ROLE_BINDINGS).find({ name }, within(5000));
  equal(wide, undefined);
});

Deno.test("In scope Cluster an app cluster sees its API everywhere, but no Secrets of others", async () => {
  await using backend = await TestBackend.open("Cluster");
  const foos = await backend.offer("foos", [claim("secrets")], "Cluster");
  const { status } = await backend.request("foos");
  equal(status?.phase, "Succeeded");
  await eventually("rights are granted", () => backend.mayList(foos));
  const mapped = await backend.mapNamespace("dev");
  await eventually("claims are granted in the mapped namespace", () => backend.mayList(SECRETS, mapped));
  equal(await backend.mayList(SECRETS), false);
  equal(await backend.mayList(SECRETS, "kube-system"), false);
});

Deno.test("A right on the whole provider that an earlier backend left behind is taken back", async () => {
  await using backend = await TestBackend.open();
  const { client } = backend.cluster;
  const name = binderRoleName(backend.namespace);
  const api = client.api<RoleBinding>(CLUSTER_ROLE_BINDINGS);
  await api.create({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name },
    subjects: [{ kind: "ServiceAccount", namespace: backend.namespace, name: "klutch-binder" }],
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
  }, within(5000));
  await eventually("it is gone", async () => await api.find({ name }, within(5000)) === undefined);
});

Deno.test("Roles that somebody changes or deletes come back, and are not written otherwise", async () => {
  await using backend = await TestBackend.open();
  await backend.offer("dbs");
  await backend.request("dbs");
  const api = backend.cluster.client.api<Role>(CLUSTER_ROLES);
  const key = { name: binderRoleName(backend.namespace) };
  const right = await eventually("the role is there", async () => {
    const role = await api.find(key, within(5000));
    return role?.rules?.length === 1 && role;
  });
  await api.mergePatch(key, { rules: [] }, {}, within(5000));
  const mended = await eventually("the rules are back", async () => {
    const role = await api.get(key, within(5000));
    return role.rules?.length === 1 && role;
  });
  deepEqual(mended.rules, right.rules);
  await api.delete(key, {}, within(5000));
  const again = await eventually("the role is back", () => api.find(key, within(5000)));
  // Events that change nothing about the rights: no write.
  const bindings = backend.cluster.client.api<ClusterBinding>(CLUSTER_BINDINGS);
  const binding = { namespace: backend.namespace, name: "cluster" };
  const lastHeartbeatTime = new Date().toISOString();
  const status = { lastHeartbeatTime, heartbeatInterval: "5m0s" };
  await bindings.mergePatch(binding, { status }, { subresource: "status" }, within(5000));
  await eventually("the binding is healthy", async () => {
    const { status } = await bindings.get(binding, within(5000));
    return status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True");
  });
  equal((await api.get(key, within(5000))).metadata.resourceVersion, again.metadata.resourceVersion);
});

Deno.test("Health follows the clock: two seconds after a heartbeat promised every second, it is gone", async () => {
  await using backend = await TestBackend.open();
  const api = backend.konnector.api<ClusterBinding>(CLUSTER_BINDINGS);
  const key = { namespace: backend.namespace, name: "cluster" };
  const reason = async () => {
    const { status } = await api.get(key, within(5000));
    const healthy = status?.conditions?.find(({ type }) => type === "Healthy");
    return healthy?.status === "True" ? "healthy" : healthy?.reason;
  };
  await eventually("it waits for the first heartbeat", async () => await reason() === "FirstHeartbeatPending");
  const status = { lastHeartbeatTime: new Date().toISOString(), heartbeatInterval: "1s" };
  await api.mergePatch(key, { status }, { subresource: "status" }, within(5000));
  await eventually("the silence is noticed by a timer", async () => await reason() === "HeartbeatTimeout");
});

Deno.test("Requests that cannot succeed say why", async () => {
  await using backend = await TestBackend.open();
  await backend.offer("foos", undefined, "Cluster");
  const { status } = await backend.request("foos");
  equal(status?.phase, "Failed");
  assert(status?.terminalMessage?.includes("cluster-scoped"), status?.terminalMessage);
});

Deno.test("An export follows its CRD and template, and goes with its CRD", async () => {
  await using backend = await TestBackend.open();
  await backend.offer("dbs", [claim("secrets")]);
  await backend.request("dbs");
  const { client } = backend.cluster;
  const exports = client.api<APIServiceExport>(API_SERVICE_EXPORTS);
  const key = { namespace: backend.namespace, name: `dbs.${backend.group}` };
  const crds = client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS);
  const column = { name: "Plan", type: "string", jsonPath: ".spec.plan" };
  await crds.jsonPatch(
    { name: key.name },
    [{ op: "add", path: "/spec/versions/0/additionalPrinterColumns", value: [column] }],
    {},
    within(5000),
  );
  await eventually("the export has the new column", async () => {
    const { spec } = await exports.get(key, within(5000));
    return spec.versions[0]?.additionalPrinterColumns?.some(({ name }) => name === "Plan");
  });
  await client.api(API_SERVICE_EXPORT_TEMPLATES).mergePatch(
    { namespace: backend.namespace, name: "dbs" },
    { spec: { permissionClaims: [claim("secrets"), claim("configmaps")] } },
    {},
    within(5000),
  );
  await eventually("the export has the new claim", async () => {
    const { spec, status } = await exports.get(key, within(5000));
    const isInSync = status?.conditions?.some(({ type, status }) => type === "ProviderInSync" && status === "True");
    return isInSync && spec.permissionClaims?.length === 2;
  });
  const { metadata: { generation } } = await exports.get(key, within(5000));
  equal(generation, 3, "created, column, claim: nothing else was written");
  await crds.delete({ name: key.name }, {}, within(5000));
  await eventually("the export is gone", async () => await exports.find(key, within(5000)) === undefined);
});

Deno.test("A mapped namespace goes with its request, comes back when deleted by hand, and is never another's", async () => {
  await using backend = await TestBackend.open();
  const { client } = backend.cluster;
  const namespaces = client.api<Namespace>(NAMESPACES);
  // As if another app cluster's namespaces gave the same name.
  const foreign = `${backend.namespace}-taken`;
  await namespaces.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: foreign } }, within(5000));
  const taken = await backend.mapNamespace("taken");
  assert(taken !== foreign && taken.startsWith(foreign), taken);
  await namespaces.delete({ name: foreign }, {}, within(5000));

  const mapped = await backend.mapNamespace("dev");
  const { metadata: { uid } } = await namespaces.get({ name: mapped }, within(5000));
  await namespaces.delete({ name: mapped }, { uid }, within(5000));
  await eventually("it is made again", async () => {
    const again = await namespaces.find({ name: mapped }, within(5000));
    return again && again.metadata.uid !== uid && !isDeleting(again);
  });
  const requests = backend.konnector.api(API_SERVICE_NAMESPACES);
  await requests.delete({ namespace: backend.namespace, name: "dev" }, {}, within(5000));
  await eventually("it is deleted", async () => {
    const gone = await namespaces.find({ name: mapped }, within(5000));
    return gone === undefined || isDeleting(gone);
  });
});

Deno.test("What happened while the backend was down is caught up with", async () => {
  await using backend = await TestBackend.open();
  await backend.offer("dbs");
  await backend.stop();
  const answered = backend.request("dbs");
  const mapped = backend.mapNamespace("dev");
  await backend.start();
  equal((await answered).status?.phase, "Succeeded");
  equal(await mapped, `${backend.namespace}-dev`);
});
