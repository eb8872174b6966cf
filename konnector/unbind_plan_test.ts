import assert from "node:assert/strict";
import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import { API_VERSION, ON_UNBIND_ANNOTATION, SYNC_FINALIZER } from "../crds/names.ts";
import type { DynamicObject } from "../kube/types.ts";
import { Census, planUnbind, type UnbindMode, unbindModeOf, unbindStep, unknownMode } from "./unbind_plan.ts";

const bindingWith = (annotations?: Record<string, string>): APIServiceBinding => ({
  apiVersion: API_VERSION,
  kind: "APIServiceBinding",
  metadata: { name: "mangodbs.mangodb.com", annotations },
  spec: { kubeconfigSecretRef: { namespace: "klutch-bind", name: "kubeconfig", key: "kubeconfig" } },
});

const db = (metadata: Partial<DynamicObject["metadata"]> = {}): DynamicObject => ({
  apiVersion: "mangodb.com/v1",
  kind: "MangoDB",
  metadata: { namespace: "default", name: "db", ...metadata },
});
const living = db({ finalizers: ["example.com/other", SYNC_FINALIZER] });
const free = db();
const deleting = db({ finalizers: [SYNC_FINALIZER], deletionTimestamp: "2026-01-01T00:00:00Z" });
const othersDeleting = db({ finalizers: ["example.com/other"], deletionTimestamp: "2026-01-01T00:00:00Z" });

Deno.test("what becomes of the objects is orphan, unless the binding says otherwise", () => {
  assert.equal(unbindModeOf(bindingWith()), "orphan");
  for (const mode of ["orphan", "drain", "force"]) {
    assert.equal(unbindModeOf(bindingWith({ [ON_UNBIND_ANNOTATION]: mode })), mode);
  }
  for (const mode of ["", "Drain", "delete"]) {
    const binding = bindingWith({ [ON_UNBIND_ANNOTATION]: mode });
    assert.equal(unbindModeOf(binding), undefined);
    assert.equal(unknownMode(binding).reason, "UnknownMode");
  }
});

const steps: [name: string, object: DynamicObject, wanted: Record<UnbindMode, ReturnType<typeof unbindStep>>][] = [
  ["a living object", living, { orphan: "release", drain: "delete", force: "release" }],
  ["an object that is not held", free, { orphan: undefined, drain: "delete", force: undefined }],
  ["an object that is being deleted", deleting, { orphan: undefined, drain: undefined, force: "release" }],
  ["an object that others keep", othersDeleting, { orphan: undefined, drain: undefined, force: undefined }],
];
for (const [name, object, wanted] of steps) {
  for (const [mode, step] of Object.entries(wanted)) {
    Deno.test(`${mode} does with ${name}: ${step ?? "nothing"}`, () => {
      assert.equal(unbindStep(mode as UnbindMode, object), step);
    });
  }
}

const outcomes: [
  name: string,
  mode: UnbindMode,
  objects: DynamicObject[],
  obstacle: string | undefined,
  wanted: string,
][] = [
  ["waits for deletions under way", "orphan", [living, deleting], undefined, "DeletionsPending"],
  ["waits for nobody's deletion but ours", "orphan", [living, othersDeleting], undefined, "release"],
  ["leaves the CRD to its objects", "orphan", [free], undefined, "release"],
  ["deletes the CRD of no object", "orphan", [], undefined, "delete"],
  ["needs no provider for living objects", "orphan", [living], "Connected is False", "release"],
  ["says why deletions cannot be brought over", "orphan", [deleting], "Connected is False", "ProviderUnreachable"],
  ["waits for all objects", "drain", [othersDeleting], undefined, "ObjectsRemain"],
  ["deletes the CRD after them", "drain", [], undefined, "delete"],
  ["needs the provider", "drain", [living], "Connected is False", "ProviderUnreachable"],
  ["waits for nothing", "force", [living, deleting], "Connected is False", "release"],
];
for (const [name, mode, objects, obstacle, wanted] of outcomes) {
  Deno.test(`${mode} ${name}`, () => {
    const census = new Census();
    for (const object of objects) census.count(mode, object);
    const { condition, crd } = planUnbind({ mode, census, obstacle });
    assert.equal(condition?.reason ?? crd, wanted);
  });
}

Deno.test("an unbinding counts and names what it waits for", () => {
  const census = new Census();
  for (const name of ["a", "b", "c", "d"]) census.count("drain", db({ name }));
  assert.match(
    planUnbind({ mode: "drain", census }).condition!.message!,
    /^4 objects .*: default\/a, default\/b, default\/c, …/,
  );
});
