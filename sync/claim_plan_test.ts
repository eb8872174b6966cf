import assert from "node:assert/strict";
import { CLAIMED_FOR_LABEL, RESOURCE_OWNER_ANNOTATION } from "../crds/names.ts";
import type { PermissionClaim } from "../crds/shared.ts";
import type { DynamicObject } from "../kube/types.ts";
import { digestCopy, digestSource, isClaimSettled } from "../konnector/claim_digest.ts";
import { type ClaimPlan, type ClaimStep, type ClaimTerms, type ClaimView, planClaim, toCopy } from "./claim_plan.ts";
import type { Owner } from "./claim_rules.ts";
import { OWNER } from "./instance_plan.ts";

const KEY = { namespace: "default", name: "login" };
const CLAIM: PermissionClaim = { group: "", resource: "secrets", version: "v1" };

const termsOf = (owner: Owner, ...claims: Partial<PermissionClaim>[]): ClaimTerms => ({
  owner,
  claims: claims.map((claim) => ({ ...CLAIM, ...claim })),
  clusterNamespace: "cluster-x",
});
const provider = termsOf("Provider", {});
const consumer = termsOf("Consumer", {});

type Change = (object: DynamicObject) => DynamicObject;

const login = (...changes: Change[]): DynamicObject =>
  changes.reduce<DynamicObject>((object, change) => change(object), {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { ...KEY, uid: "u1", resourceVersion: "1" },
    type: "Opaque",
    data: { user: "YQ==" },
  });
const meta = (metadata: Partial<DynamicObject["metadata"]>): Change => (object) => ({
  ...object,
  metadata: { ...object.metadata, ...metadata },
});
const data = (data: Record<string, string>): Change => (object) => ({ ...object, data });
const fields = (fields: Record<string, unknown>): Change => (object) => ({ ...object, ...fields });
const deleting = meta({ deletionTimestamp: "2026-01-01T00:00:00Z" });
const owned = (owner: string) => meta({ annotations: { [RESOURCE_OWNER_ANNOTATION]: owner } });
const labelled = (labels: Record<string, string>): Change => (object) =>
  meta({ labels: { ...object.metadata.labels, ...labels } })(object);

/** As our creation of it leaves it. */
function copyOf(source: DynamicObject, terms = provider): DynamicObject {
  const copy = toCopy(source, { namespace: "mapped", name: source.metadata.name }, terms);
  const names = (object: object | undefined) =>
    Object.fromEntries(Object.keys(object ?? {}).map((name) => [`f:${name}`, {}]));
  const { labels, annotations } = copy.metadata;
  const fieldsV1 = {
    "f:data": names(copy.data as object),
    "f:type": {},
    "f:metadata": { "f:labels": names(labels), "f:annotations": names(annotations) },
  };
  return meta({
    uid: "u2",
    resourceVersion: "2",
    managedFields: [{ manager: OWNER.predecessor, operation: "Update", fieldsV1 }],
  })(copy);
}
const marked = owned("Provider");
const copied = copyOf(login());
const legacy = (object: DynamicObject): DynamicObject => meta({ labels: undefined, managedFields: [] })(object);
const duplicate = meta({ managedFields: [{ manager: "kubectl", operation: "Update", fieldsV1: { "f:data": {} } }] });

const conflict = { steps: [], isConflict: true };
const orphan = { steps: [], isOrphan: true };
const settings = copyOf(login(), consumer);
const steps = (...steps: ClaimStep[]): ClaimPlan => ({ steps });
const byLabel = termsOf("Provider", { selector: { labelSelectors: [{ a: "1", b: "1" }, { c: "1" }] } });

const cases: [name: string, view: Omit<ClaimView, "key">, terms: ClaimTerms, want: ClaimPlan][] = [
  ["copies a new object and writes down whose it is", { source: login() }, provider, steps("createCopy", "markSource")],
  ["copies an object of the consumer", { source: login() }, consumer, steps("createCopy", "markSource")],
  ["makes a lost copy again", { source: login(marked) }, provider, steps("createCopy")],
  ["has nothing to do for a settled pair", { source: login(marked), copy: copied }, provider, steps()],
  [
    "marks a source whose copy was made by a pass that broke off",
    { source: login(), copy: copied },
    provider,
    steps("markSource"),
  ],
  [
    "follows a change of the data",
    { source: login(marked, data({ user: "Yg==" })), copy: copied },
    provider,
    steps("updateCopy"),
  ],
  [
    "takes removed data away",
    {
      source: login(marked),
      copy: copyOf(login(data({ user: "YQ==", old: "YQ==" }))),
    },
    provider,
    steps("updateCopy"),
  ],
  [
    "takes away what somebody added to the data of the copy",
    {
      source: login(marked),
      copy: data({ user: "YQ==", more: "YQ==" })(copied),
    },
    provider,
    steps("updateCopy"),
  ],
  [
    "follows a change of the labels",
    { source: login(marked, labelled({ a: "1" })), copy: copied },
    provider,
    steps("updateCopy"),
  ],
  [
    "leaves alone labels that somebody added to the copy",
    {
      source: login(marked),
      copy: labelled({ a: "1" })(copied),
    },
    provider,
    steps(),
  ],
  [
    "puts our mark back on a copy",
    { source: login(marked), copy: meta({ annotations: undefined })(copied) },
    provider,
    steps("updateCopy"),
  ],
  [
    "replaces a copy whose type is another",
    { source: login(marked, fields({ type: "b" })), copy: copied },
    provider,
    steps("deleteCopy", "createCopy"),
  ],
  [
    "replaces an immutable copy",
    {
      source: login(marked, data({ user: "Yg==" })),
      copy: fields({ immutable: true })(copied),
    },
    provider,
    steps("deleteCopy", "createCopy"),
  ],
  [
    "replaces where the claim wants no updates",
    {
      source: login(marked, data({ user: "Yg==" })),
      copy: copied,
    },
    termsOf("Provider", { update: { alwaysRecreate: true } }),
    steps("deleteCopy", "createCopy"),
  ],
  ["waits while the source is being deleted", { source: login(marked, deleting), copy: copied }, provider, steps()],
  ["makes no copy of what is being deleted", { source: login(deleting) }, provider, steps()],
  ["waits while the copy is being deleted", { source: login(marked), copy: deleting(copied) }, provider, steps()],
  ["deletes the copy with the source", { copy: copied }, provider, steps("deleteCopy")],
  ["deletes no copy twice", { copy: deleting(copied) }, provider, steps()],

  ["leaves an object of somebody else alone", { source: login(), copy: login() }, provider, conflict],
  ["leaves it alone without a source, too", { copy: login() }, provider, steps()],
  ["does not wait silently for its deletion", { source: login(), copy: login(deleting) }, provider, conflict],
  ["leaves a duplicate of a copy alone", { copy: duplicate(copied) }, provider, steps()],
  [
    "leaves a copy from another provider alone",
    { source: login(), copy: labelled({ [CLAIMED_FOR_LABEL]: "cluster-y" })(copied) },
    provider,
    conflict,
  ],
  [
    "deletes no copy of another provider",
    { copy: labelled({ [CLAIMED_FOR_LABEL]: "cluster-y" })(copied) },
    provider,
    steps(),
  ],
  [
    "leaves alone what the consumer owns, whatever the provider has",
    { source: login(), copy: login(owned("Consumer")) },
    provider,
    conflict,
  ],
  [
    "leaves alone what the provider owns, whatever the consumer has",
    { source: login(), copy: login(marked) },
    consumer,
    conflict,
  ],
  [
    "replaces an object of the consumer if the claim says so",
    { source: login(), copy: login() },
    termsOf("Provider", {
      create: { replaceExisting: true },
    }),
    steps("deleteForeign", "createCopy", "markSource"),
  ],
  [
    "replaces no copy of another provider",
    {
      source: login(),
      copy: labelled({ [CLAIMED_FOR_LABEL]: "cluster-y" })(copied),
    },
    termsOf("Provider", { create: { replaceExisting: true } }),
    conflict,
  ],
  [
    "replaces nothing on the provider",
    { source: login(), copy: login() },
    termsOf("Consumer", {
      create: { replaceExisting: true },
    }),
    conflict,
  ],
  [
    "takes over what an original konnector copied",
    { source: login(marked), copy: legacy(copied) },
    provider,
    steps("updateCopy"),
  ],
  ["deletes nothing that only looks like a copy of an original konnector", { copy: legacy(copied) }, provider, steps()],

  ["makes a deleted copy again", { source: login(marked), isCopyDeleted: true }, provider, steps("createCopy")],
  [
    "deletes the source with the copy if the claim says so",
    { source: login(marked), isCopyDeleted: true },
    termsOf("Provider", {
      onConflict: { recreateWhenConsumerSideDeleted: false },
    }),
    steps("deleteSource"),
  ],
  [
    "makes a copy again whose deletion nobody saw",
    { source: login(marked) },
    termsOf("Provider", {
      onConflict: { recreateWhenConsumerSideDeleted: false },
    }),
    steps("createCopy"),
  ],
  [
    "makes it again as long as one claim wants it",
    { source: login(marked), isCopyDeleted: true },
    termsOf("Provider", {
      onConflict: { recreateWhenConsumerSideDeleted: false },
    }, {}),
    steps("createCopy"),
  ],
  [
    "never deletes a consumer's object",
    { source: login(owned("Consumer")), isCopyDeleted: true },
    termsOf("Consumer", {
      onConflict: { recreateWhenConsumerSideDeleted: false },
    }),
    steps("createCopy"),
  ],

  ["sends no object of the provider up again", { source: login(marked) }, consumer, steps()],
  [
    "sends no copy of another konnector anywhere",
    { source: login(labelled({ [CLAIMED_FOR_LABEL]: "x" })) },
    consumer,
    steps(),
  ],
  [
    "does not copy what no claim names",
    { source: login() },
    termsOf("Provider", { selector: { names: ["a", "b"] } }),
    steps(),
  ],
  [
    "copies what one of the claims names",
    { source: login(marked) },
    termsOf("Provider", { selector: { names: ["a"] } }, {
      selector: { names: ["login"] },
    }),
    steps("createCopy"),
  ],
  [
    "does not copy from other namespaces",
    { source: login() },
    termsOf("Provider", { selector: { namespaces: ["a"] } }),
    steps(),
  ],
  ["needs all labels of one entry", { source: login(labelled({ a: "1" })) }, byLabel, steps()],
  [
    "takes entries of labels for alternatives",
    { source: login(marked, labelled({ c: "1" })) },
    byLabel,
    steps("createCopy"),
  ],
  ["takes the copy away when the labels change", { source: login(marked), copy: copied }, byLabel, steps("deleteCopy")],
  [
    "takes the provider's copy away when its source was deleted",
    { copy: settings, isDeletionKnown: true },
    consumer,
    steps("deleteCopy"),
  ],
  ["keeps the provider's copy when its source is only missing", { copy: settings }, consumer, orphan],
  [
    "keeps it also where the source would need other labels",
    { copy: settings },
    termsOf("Consumer", { selector: { labelSelectors: [{ a: "1" }] } }),
    orphan,
  ],
  [
    "takes it away when no claim reaches its name",
    { copy: settings },
    termsOf("Consumer", { selector: { names: ["other"] } }),
    steps("deleteCopy"),
  ],
  ["takes it away when nothing is claimed any more", { copy: settings }, termsOf("Consumer"), steps("deleteCopy")],
  [
    "takes the copy away when nothing is claimed any more",
    { source: login(marked), copy: copied },
    termsOf("Provider"),
    steps("deleteCopy"),
  ],
  [
    "leaves other objects alone when nothing is claimed any more",
    { source: login(marked), copy: login() },
    termsOf("Provider"),
    steps(),
  ],
  [
    "never copies a service account's token",
    { source: login(fields({ type: "kubernetes.io/service-account-token" })) },
    provider,
    steps(),
  ],
  ["never copies what is reserved", { source: login() }, { ...consumer, isReserved: () => true }, steps()],
];
for (const [name, view, terms, want] of cases) {
  Deno.test(`planClaim() ${name}`, () => {
    const plan = planClaim({ key: KEY, ...view }, terms);
    assert.deepEqual({ isConflict: false, ...plan }, { isConflict: false, ...want });
    const source = view.source && digestSource(view.source, KEY, terms);
    const copy = view.copy?.metadata.labels?.[CLAIMED_FOR_LABEL] === "cluster-x"
      ? digestCopy(view.copy, terms)
      : undefined;
    if (isClaimSettled(source, copy)) assert.deepEqual(plan.steps, [], "called settled with something to do");
  });
}

Deno.test("planClaim() reaches no namespace of the system, whatever a claim says", () => {
  for (const namespace of ["kube-system", "kube-public", "kube-node-lease", "klutch-bind"]) {
    const key = { ...KEY, namespace };
    const terms = termsOf("Consumer", { selector: { namespaces: [namespace] } });
    assert.deepEqual(planClaim({ key, source: login() }, terms).steps, []);
  }
});

Deno.test("toCopy() leaves at home what means nothing elsewhere", () => {
  const source = login(
    meta({
      labels: { app: "db", "klutch.anynines.com/x": "1" },
      annotations: {
        note: "1",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        "klutch.anynines.com/y": "1",
      },
      finalizers: ["a"],
      ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "p", uid: "u" }],
    }),
    fields({ status: { phase: "x" }, immutable: true }),
  );
  assert.deepEqual(toCopy(source, { namespace: "mapped", name: "login" }, provider), {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: "login",
      namespace: "mapped",
      labels: { app: "db", [CLAIMED_FOR_LABEL]: "cluster-x" },
      annotations: { note: "1", [RESOURCE_OWNER_ANNOTATION]: "Provider" },
    },
    type: "Opaque",
    data: { user: "YQ==" },
    immutable: true,
  });
});
