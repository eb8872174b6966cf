import assert from "node:assert/strict";
import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import type { APIServiceExport } from "../crds/api_service_export.ts";
import { toExportSpec } from "../crds/export_schema.ts";
import { API_VERSION } from "../crds/names.ts";
import { findCondition, setCondition } from "../kube/conditions.ts";
import type { CustomResourceDefinition } from "../kube/resources.ts";
import { releasedCrd, toConsumerCrd } from "../sync/consumer_crd.ts";
import { mangoDbCrd } from "../tests/mangodb.ts";
import { type BindingView, planBinding } from "./binding_plan.ts";

const NOW = new Date("2026-01-01T00:00:00Z");
const NAME = "mangodbs.mangodb.com";

const binding: APIServiceBinding = {
  apiVersion: API_VERSION,
  kind: "APIServiceBinding",
  metadata: { name: NAME, namespace: "klutch-bind", uid: "b1" },
  spec: { kubeconfigSecretRef: { namespace: "klutch-bind", name: "kubeconfig-abcde", key: "kubeconfig" } },
};

const exported: APIServiceExport = {
  apiVersion: API_VERSION,
  kind: "APIServiceExport",
  metadata: { name: NAME, namespace: "cluster-abcde" },
  spec: { ...toExportSpec(mangoDbCrd("mangodb.com")), informerScope: "Namespaced" },
};

const established = (crd: CustomResourceDefinition): CustomResourceDefinition => ({
  ...crd,
  status: { conditions: [{ type: "Established", status: "True" }] },
});
const crd = established(toConsumerCrd(exported, binding));
const foreignCrd: CustomResourceDefinition = { ...crd, metadata: { name: NAME } };
const connection = { isSynced: true, heartbeat: { sentAt: NOW } };
const healthy: BindingView = { binding, connection, export: exported, crd };

/** `Connected=False APIServiceExportNotFound`, `Ready=True` … */
function told(view: BindingView, type: string): string | undefined {
  const condition = findCondition(planBinding(view, NOW).conditions, type);
  return condition && [condition.status, condition.reason].filter(Boolean).join(" ");
}

Deno.test("planBinding() is ready, and syncs, when everything agrees", () => {
  const plan = planBinding(healthy, NOW);
  assert.equal(plan.crd, undefined);
  assert.equal(plan.sync?.resource.plural, "mangodbs");
  for (const type of ["Ready", "SecretValid", "InformersSynced", "Heartbeating", "Connected", "SchemaInSync"]) {
    assert.equal(told(healthy, type), "True", type);
  }
});

Deno.test("planBinding() tells what is wrong with the kubeconfig, and does nothing else", () => {
  const kubeconfigTrouble = { reason: "KubeconfigSecretInvalid" as const, message: "it has the field exec" };
  const view: BindingView = { binding, kubeconfigTrouble };
  assert.equal(told(view, "SecretValid"), "False KubeconfigSecretInvalid");
  assert.equal(told(view, "Ready"), "False KubeconfigSecretInvalid");
  const { crd, sync } = planBinding(view, NOW);
  assert.deepEqual({ crd, sync }, { crd: undefined, sync: undefined });
});

Deno.test("planBinding() tells why a provider does not answer, and forgets nothing it told before", () => {
  const conditions = setCondition([], { type: "Connected", status: "True" }, NOW);
  const view: BindingView = {
    binding: { ...binding, status: { conditions } },
    connection: { isSynced: false, trouble: "connection refused", heartbeat: {} },
  };
  assert.equal(told(view, "InformersSynced"), "False InformerSyncTimeout");
  assert.match(findCondition(planBinding(view, NOW).conditions, "InformersSynced")!.message!, /connection refused/);
  assert.equal(told(view, "Connected"), "True");
  assert.equal(planBinding(view, NOW).sync, undefined);
});

Deno.test("planBinding() is not ready while the heartbeat fails, and syncs on", () => {
  const view = { ...healthy, connection: { isSynced: true, heartbeat: { sentAt: NOW, trouble: "403 Forbidden" } } };
  assert.equal(told(view, "Ready"), "False ClusterBindingUpdateFailed");
  assert.ok(planBinding(view, NOW).sync);
});

Deno.test("planBinding() says that the provider exports no such API", () => {
  assert.equal(told({ ...healthy, export: undefined }, "Connected"), "False APIServiceExportNotFound");
  assert.equal(planBinding({ ...healthy, export: undefined }, NOW).sync, undefined);
});

Deno.test("planBinding() refuses an export that is about another API than its name", () => {
  const other = { ...exported, spec: { ...exported.spec, group: "other.com" } };
  assert.equal(told({ ...healthy, export: other }, "Connected"), "False APIServiceExportInvalid");
});

Deno.test("planBinding() creates the CRD first, and syncs once it is established", () => {
  const plan = planBinding({ ...healthy, crd: undefined }, NOW);
  assert.deepEqual([plan.crd, plan.sync], ["create", undefined]);
  assert.equal(planBinding({ ...healthy, crd: { ...crd, status: undefined } }, NOW).sync, undefined);
});

Deno.test("planBinding() is not ready before the API can be used on the consumer", () => {
  assert.equal(told({ binding, connection: { isSynced: false, heartbeat: {} } }, "Ready"), "False Pending");
  assert.equal(told({ ...healthy, crd: undefined }, "Ready"), "False Pending");
  assert.equal(told({ ...healthy, crd: { ...crd, status: undefined } }, "Ready"), "False Pending");
  const conflict = { type: "NamesAccepted", status: "False", message: '"MangoDB" is already in use' } as const;
  const view = { ...healthy, crd: { ...crd, status: { conditions: [conflict] } } };
  assert.equal(told(view, "Ready"), "False CustomResourceDefinitionCreateFailed");
  assert.match(findCondition(planBinding(view, NOW).conditions, "Connected")!.message!, /"MangoDB" is already in use/);
});

Deno.test("planBinding() tells about a provider that has gone away, and syncs on", () => {
  const view = { ...healthy, connection: { ...connection, trouble: "connection refused" } };
  assert.equal(told(view, "Ready"), "False ProviderUnreachable");
  assert.ok(planBinding(view, NOW).sync);
  const foreign = { ...view, crd: foreignCrd };
  assert.equal(told(foreign, "Connected"), "False ForeignCustomResourceDefinition");
});

Deno.test("planBinding() tells about an app cluster that does not answer, writes nothing there, and syncs on", () => {
  const view = { ...healthy, consumerTrouble: "connection refused" };
  assert.equal(told(view, "Connected"), "False AppClusterUnreachable");
  assert.equal(told(view, "Ready"), "False AppClusterUnreachable");
  assert.ok(planBinding(view, NOW).sync);
  const unknown = planBinding({ ...view, crd: undefined }, NOW);
  assert.deepEqual([unknown.crd, unknown.sync], [undefined, undefined]);
  assert.match(findCondition(unknown.conditions, "Ready")!.message!, /connection refused\. Check that the app cluster/);
});

Deno.test("planBinding() tells which side does not let the objects be read, and why, unless it does not answer at all", () => {
  const message = 'Cannot watch mangodbs.mangodb.com on the provider: 403 Forbidden: User "x" cannot list it';
  const view: BindingView = { ...healthy, readTrouble: { side: "provider", message } };
  assert.equal(told(view, "Ready"), "False ProviderNotReadable");
  assert.match(
    findCondition(planBinding(view, NOW).conditions, "InformersSynced")!.message!,
    /403 .*\. Ask whoever runs/,
  );
  assert.ok(planBinding(view, NOW).sync);
  assert.equal(told({ ...view, readTrouble: { side: "consumer", message } }, "Ready"), "False AppClusterNotReadable");
  assert.equal(told({ ...view, connection: { ...connection, trouble: "refused" } }, "InformersSynced"), "True");
  assert.equal(told({ ...view, consumerTrouble: "refused" }, "InformersSynced"), "True");
});

Deno.test("planBinding() knows nothing of a provider any more once the kubeconfig is gone, until it is asked again", () => {
  const known = { ...binding, status: { conditions: planBinding(healthy, NOW).conditions } };
  const kubeconfigTrouble = { reason: "KubeconfigSecretNotFound" as const, message: "the Secret is gone" };
  const { conditions } = planBinding({ binding: known, kubeconfigTrouble }, NOW);
  for (const type of ["Connected", "Heartbeating", "InformersSynced"]) {
    assert.equal(findCondition(conditions, type)?.status, "Unknown", type);
  }
  assert.equal(findCondition(conditions, "Ready")?.reason, "KubeconfigSecretNotFound");
  const again: BindingView = { ...healthy, binding: { ...binding, status: { conditions } } };
  assert.equal(told({ ...again, connection: { isSynced: false, heartbeat: {} } }, "Ready"), "False Pending");
  for (const type of ["Ready", "Connected", "Heartbeating", "InformersSynced"]) assert.equal(told(again, type), "True");
});

Deno.test("planBinding() updates a CRD that differs from the export, and syncs meanwhile", () => {
  const versions = exported.spec.versions.map((version) => ({ ...version, deprecated: true }));
  const plan = planBinding({ ...healthy, export: { ...exported, spec: { ...exported.spec, versions } } }, NOW);
  assert.equal(plan.crd, "update");
  assert.ok(plan.sync);
});

Deno.test("planBinding() leaves a CRD alone that somebody else made, and does not sync its objects", () => {
  const view = { ...healthy, crd: foreignCrd };
  const plan = planBinding(view, NOW);
  assert.deepEqual([plan.crd, plan.sync], [undefined, undefined]);
  assert.equal(told(view, "Connected"), "False ForeignCustomResourceDefinition");
  assert.equal(told(view, "SchemaInSync"), "False ForeignCustomResourceDefinition");
});

Deno.test("planBinding() takes over the CRD of the same API from before it was unbound", () => {
  const again = { ...binding, metadata: { ...binding.metadata, uid: "b2" } };
  const plan = planBinding({ ...healthy, binding: again }, NOW);
  assert.equal(plan.crd, "update");
  assert.deepEqual(toConsumerCrd(exported, again, crd).metadata.ownerReferences?.map(({ uid }) => uid), ["b2"]);

  const left = established(releasedCrd(crd, binding)!);
  assert.equal(left.metadata.ownerReferences, undefined);
  assert.equal(releasedCrd(left, binding), undefined);
  assert.equal(planBinding({ ...healthy, binding: again, crd: left }, NOW).crd, "update");
});

Deno.test("where bindings are cluster-scoped none owns its CRD, as the garbage collector would delete all objects with it", () => {
  const { namespace: _, ...metadata } = binding.metadata;
  const clusterScoped = { ...binding, metadata };
  const taken = established(toConsumerCrd(exported, clusterScoped, crd)); // of an original konnector
  assert.equal(taken.metadata.ownerReferences, undefined);
  assert.equal(planBinding({ ...healthy, binding: clusterScoped }, NOW).crd, "update");
  assert.equal(planBinding({ ...healthy, binding: clusterScoped, crd: taken }, NOW).crd, undefined);
  assert.ok(planBinding({ ...healthy, binding: clusterScoped, crd: taken }, NOW).sync);
});

Deno.test("planBinding() leaves owners and annotations of others on the CRD", () => {
  const other = { apiVersion: "v1", kind: "ConfigMap", name: "release", uid: "c1" };
  const shared: CustomResourceDefinition = {
    ...crd,
    metadata: { ...crd.metadata, annotations: { team: "a" }, ownerReferences: [other] },
  };
  const { annotations, ownerReferences } = toConsumerCrd(exported, binding, shared).metadata;
  assert.deepEqual(annotations, { team: "a", "klutch.anynines.com/bound": "true" });
  assert.deepEqual(ownerReferences?.map(({ uid }) => uid), ["c1", "b1"]);
});

Deno.test("planBinding() refuses the API of an older binding, whatever its provider offers, and names that one", () => {
  const view: BindingView = { binding, rival: "team/mangodbs.mangodb.com" };
  for (const type of ["Connected", "SchemaInSync", "Ready"]) assert.equal(told(view, type), "False AlreadyBound");
  assert.match(findCondition(planBinding(view, NOW).conditions, "Ready")!.message!, /"team\/mangodbs\.mangodb\.com"/);
});

for (
  const name of [
    "roles.rbac.authorization.k8s.io",
    "secrets",
    "deployments.apps",
    "apiservicebindings.klutch.anynines.com",
  ]
) {
  Deno.test(`planBinding() refuses ${name}, whatever its provider offers`, () => {
    const view: BindingView = { ...healthy, binding: { ...binding, metadata: { ...binding.metadata, name } } };
    for (const type of ["Connected", "SchemaInSync", "Ready"]) assert.equal(told(view, type), "False APINotAllowed");
    const plan = planBinding(view, NOW);
    assert.deepEqual([plan.crd, plan.sync], [undefined, undefined]);
  });
}

Deno.test("planBinding() reports what the API server said of the schema, and syncs the one before", () => {
  const view: BindingView = { ...healthy, refusal: { step: "update", message: "422 Invalid: must have status" } };
  assert.equal(told(view, "SchemaInSync"), "False CustomResourceDefinitionUpdateFailed");
  assert.equal(told(view, "Ready"), "False CustomResourceDefinitionUpdateFailed");
  assert.ok(planBinding(view, NOW).sync);
});

Deno.test("planBinding() tells the schema's fate only where it is known for what the export says now", () => {
  const fate = (view: Partial<BindingView>) => planBinding({ ...healthy, ...view }, NOW).schema;
  assert.equal(fate({}), "installed");
  assert.equal(fate({ refusal: { step: "update", message: "422 Invalid" } }), "refused");
  assert.equal(fate({ consumerTrouble: "connection refused" }), undefined);
  assert.equal(fate({ crd: { ...crd, status: undefined } }), undefined);
  assert.equal(fate({ crd: foreignCrd }), undefined);
  const versions = exported.spec.versions.map((version) => ({ ...version, deprecated: true }));
  assert.equal(
    fate({ export: { ...exported, spec: { ...exported.spec, versions } } }),
    undefined,
    "about to be updated",
  );
});

Deno.test("planBinding() changes no condition's time when nothing changed", () => {
  const views = [healthy, { ...healthy, connection: { ...connection, trouble: "connection refused" } }];
  for (const view of views) {
    const status = { conditions: planBinding(view, NOW).conditions };
    const later = planBinding({ ...view, binding: { ...binding, status } }, new Date("2026-01-02T00:00:00Z"));
    assert.deepEqual(later.conditions, status.conditions);
  }
});

Deno.test("planBinding() names objects on the provider whose consumer objects vanished unseen", () => {
  const view = { ...healthy, orphans: ["a/1", "a/2", "a/3", "a/4"] };
  assert.equal(told(view, "Ready"), "False OrphansFound");
  const { message } = findCondition(planBinding(view, NOW).conditions, "DeletionsSeen")!;
  const asTold = { ...healthy.binding, status: { conditions: planBinding(view, NOW).conditions } };
  const starting = planBinding({ ...healthy, binding: asTold, orphans: undefined }, NOW);
  assert.equal(findCondition(starting.conditions, "DeletionsSeen")?.message, message, "not known again yet");
  assert.match(message!, /^4 objects .*: a\/1, a\/2, a\/3, …\. .*klutch\.anynines\.com\/orphans=delete/);
  assert.ok(planBinding(view, NOW).sync);
});
