import { deepEqual, equal, notEqual } from "node:assert/strict";
import fc from "fast-check";
import type { Namespace } from "../kube/resources.ts";
import {
  mappedKeyOf,
  mappedNamespaceNames,
  type MappingView,
  ORPHAN_GRACE_MS,
  planMapping,
} from "./service_namespace_plan.ts";
import { namespace, serviceNamespace } from "./test_objects.ts";

const key = { namespace: "c-1", name: "dev" };
const [plain, hashed] = mappedNamespaceNames(key) as [string, string];
const mine = (name = plain) => namespace(name, "c-1/dev");
const deleting = (one: Namespace): Namespace => ({
  ...one,
  metadata: { ...one.metadata, deletionTimestamp: "2026-06-01T12:00:00Z" },
});
const view = (rest: Partial<MappingView> = {}): MappingView => ({
  key,
  owned: [],
  isForeign: () => false,
  hasContract: true,
  ...rest,
});
const wanted = serviceNamespace("c-1", "dev");
const minutes = (n: number) => n * 60_000;

function summary(given: MappingView): string {
  const plan = planMapping(given);
  switch (plan.do) {
    case "create":
      return `create ${plan.name}`;
    case "prepare":
      return `prepare ${plan.namespace.metadata.name}`;
    case "delete":
      return `delete ${plan.namespaces.map(({ metadata }) => metadata.name)}`;
    case "wait":
      return `wait${plan.requeueAfterMs === undefined ? "" : ` ${plan.requeueAfterMs}`}${plan.why ? ", says why" : ""}`;
  }
}

const cases: [name: string, view: MappingView, want: string][] = [
  ["creates what is asked for", view({ request: wanted }), `create ${plain}`],
  [
    "keeps out of another's namespace",
    view({ request: wanted, isForeign: (name) => name === plain }),
    `create ${hashed}`,
  ],
  ["gives up when all names are taken", view({ request: wanted, isForeign: () => true }), "wait 60000, says why"],
  ["prepares what exists", view({ request: wanted, owned: [mine()] }), `prepare ${plain}`],
  [
    "prefers the namespace that the status names",
    view({ request: serviceNamespace("c-1", "dev", "legacy"), owned: [mine(), mine("legacy")] }),
    "prepare legacy",
  ],
  [
    "makes a namespace again under the name it had",
    view({ request: serviceNamespace("c-1", "dev", "legacy") }),
    "create legacy",
  ],
  [
    "does not take over a foreign namespace that the status names",
    view({ request: serviceNamespace("c-1", "dev", "kube-system"), isForeign: (name) => name === "kube-system" }),
    `create ${plain}`,
  ],
  ["waits for a namespace to be gone", view({ request: wanted, owned: [deleting(mine())] }), "wait"],
  ["deletes with the request", view({ owned: [mine()] }), `delete ${plain}`],
  ["deletes every namespace that belongs to it", view({ owned: [mine(), mine("legacy")] }), `delete ${plain},legacy`],
  ["deletes once", view({ owned: [deleting(mine())] }), "wait"],
  ["has nothing to do when all is gone", view(), "wait"],
  ["spares a fresh orphan", view({ owned: [mine()], orphanedForMs: minutes(3) }), `wait ${minutes(7)}`],
  ["catches up on a missed deletion", view({ owned: [mine()], orphanedForMs: ORPHAN_GRACE_MS }), `delete ${plain}`],
  [
    "never deletes orphans of an app cluster that is gone altogether",
    view({ owned: [mine()], orphanedForMs: minutes(1000), hasContract: false }),
    "wait, says why",
  ],
];
for (const [name, given, want] of cases) Deno.test(`planMapping() ${name}`, () => equal(summary(given), want));

const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);

Deno.test("mappedNamespaceNames() gives valid names, the hashed ones different for different keys", () => {
  fc.assert(fc.property(label, label, label, label, (a, b, c, d) => {
    const one = mappedNamespaceNames({ namespace: a, name: b });
    const other = mappedNamespaceNames({ namespace: c, name: d });
    for (const name of [...one, ...other]) {
      equal(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name) && name.length <= 63, true, name);
    }
    if (a !== c || b !== d) notEqual(one.at(-1), other.at(-1));
  }));
});

Deno.test("mappedNamespaceNames() tells app clusters apart whose plain names are the same", () => {
  const one = mappedNamespaceNames({ namespace: "a", name: "b-c" });
  const other = mappedNamespaceNames({ namespace: "a-b", name: "c" });
  equal(one[0], other[0]);
  notEqual(one[1], other[1]);
});

Deno.test("mappedKeyOf() reads the annotation, and nothing into garbage", () => {
  deepEqual(mappedKeyOf(mine()), key);
  for (const owner of [undefined, "", "x", "a/b/c", "/b", "a/"]) equal(mappedKeyOf(namespace("n", owner)), undefined);
});
