import { deepEqual, equal, notEqual } from "node:assert/strict";
import fc from "fast-check";
import type { APIServiceNamespace } from "../crds/api_service_namespace.ts";
import { MAPPED_NAMESPACE_FINALIZER, ORPHANS_ANNOTATION } from "../crds/names.ts";
import type { Namespace } from "../kube/resources.ts";
import type { KubeObject } from "../kube/types.ts";
import { mappedKeyOf, mappedNamespaceNames, type MappingView, planMapping } from "./service_namespace_plan.ts";
import { namespace, serviceNamespace } from "./test_objects.ts";

const key = { namespace: "c-1", name: "dev" };
const [plain, hashed] = mappedNamespaceNames(key) as [string, string];
const mine = (name = plain) => namespace(name, "c-1/dev");
const deleting = <T extends KubeObject>(one: T): T => ({
  ...one,
  metadata: { ...one.metadata, deletionTimestamp: "2026-06-01T12:00:00Z" },
});
const view = (rest: Partial<MappingView> = {}): MappingView => ({
  key,
  owned: [],
  isForeign: () => false,
  ...rest,
});
const held = (request: APIServiceNamespace): APIServiceNamespace => ({
  ...request,
  metadata: { ...request.metadata, finalizers: [MAPPED_NAMESPACE_FINALIZER] },
});
const wanted = held(serviceNamespace("c-1", "dev"));
const unwanted = (one: Namespace): Namespace => ({
  ...one,
  metadata: { ...one.metadata, annotations: { ...one.metadata.annotations, [ORPHANS_ANNOTATION]: "delete" } },
});

function summary(given: MappingView): string {
  const plan = planMapping(given);
  switch (plan.do) {
    case "create":
      return `create ${plan.name}`;
    case "prepare":
      return `prepare ${plan.namespace.metadata.name}`;
    case "delete":
    case "report":
      return `${plan.do} ${plan.namespaces.map(({ metadata }) => metadata.name)}`;
    case "wait":
      return `wait${plan.requeueAfterMs === undefined ? "" : ` ${plan.requeueAfterMs}`}${plan.why ? ", says why" : ""}`;
    default:
      return plan.do;
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
    view({ request: held(serviceNamespace("c-1", "dev", "legacy")), owned: [mine(), mine("legacy")] }),
    "prepare legacy",
  ],
  [
    "makes a namespace again under the name it had",
    view({ request: held(serviceNamespace("c-1", "dev", "legacy")) }),
    "create legacy",
  ],
  [
    "does not take over a foreign namespace that the status names",
    view({ request: held(serviceNamespace("c-1", "dev", "kube-system")), isForeign: (name) => name === "kube-system" }),
    `create ${plain}`,
  ],
  ["waits for a namespace to be gone", view({ request: wanted, owned: [deleting(mine())] }), "wait"],
  ["holds the request before anything is made for it", view({ request: serviceNamespace("c-1", "dev") }), "hold"],
  ["deletes with the request", view({ request: deleting(wanted), owned: [mine()] }), `delete ${plain}`],
  [
    "deletes with a request that nobody holds",
    view({ request: deleting(serviceNamespace("c-1", "dev")), owned: [mine()] }),
    `delete ${plain}`,
  ],
  [
    "deletes every namespace that belongs to it",
    view({ request: deleting(wanted), owned: [mine(), mine("legacy")] }),
    `delete ${plain},legacy`,
  ],
  ["deletes once", view({ request: deleting(wanted), owned: [deleting(mine())] }), "wait"],
  ["lets the request go when all is gone", view({ request: deleting(wanted) }), "release"],
  ["has nothing to do without a request", view(), "wait"],
  [
    "deletes no data because a CRD is deleted",
    view({ request: deleting(wanted), owned: [mine()], isKindDeleted: true }),
    "wait, says why",
  ],
  ["tells about what is left without its request", view({ owned: [mine()] }), `report ${plain}`],
  ["does not tell about what is on its way out", view({ owned: [deleting(mine())] }), "wait"],
  [
    "deletes what is left when somebody asks for it, and nothing else",
    view({ owned: [mine("legacy"), unwanted(mine())] }),
    `delete ${plain}`,
  ],
  ["is not asked while there is a request", view({ request: wanted, owned: [unwanted(mine())] }), `prepare ${plain}`],
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
