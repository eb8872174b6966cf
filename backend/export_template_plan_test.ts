import { deepEqual, equal, match } from "node:assert/strict";
import type { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import { setCondition } from "../kube/conditions.ts";
import { toServedApi } from "./catalogue.ts";
import { impactReadings, planTemplateStatus, type TemplateView } from "./export_template_plan.ts";
import { crd, template } from "./test_objects.ts";

const NOW = new Date("2026-06-01T12:00:00Z");
const ONE = template("d", ["dbs", "x.io"]);
const API = toServedApi(crd("dbs", "x.io"));
const view = (rest: Partial<TemplateView> = {}): TemplateView => ({
  template: ONE,
  counting: ONE,
  api: API,
  exports: 3,
  snapshots: [],
  ...rest,
});
const established = (status: APIServiceExportTemplate["status"]) => status!.conditions![0]!;

Deno.test("planTemplateStatus() says that an API is on offer, how often it is exported, and nothing twice", () => {
  const status = planTemplateStatus(view(), "Namespaced", NOW)!;
  deepEqual(status, {
    exports: 3,
    conditions: [{ type: "Established", status: "True", lastTransitionTime: "2026-06-01T12:00:00Z" }],
  });
  const after = { ...ONE, status };
  equal(planTemplateStatus(view({ template: after, counting: after }), "Namespaced", new Date()), undefined);
});

const obstacles: [name: string, view: TemplateView, reason: string, message: RegExp][] = [
  ["no CRD", view({ api: undefined }), "CRDNotFound", /"dbs\.x\.io" does not exist/],
  ["a CRD that goes", view({ api: { ...API, isDeleting: true } }), "CRDNotFound", /does not exist/],
  ["a CRD that cannot be exported", view({ problem: "no stored version" }), "CRDInvalid", /no stored version/],
  ["a cluster-scoped API", view({ api: { ...API, scope: "Cluster" } }), "ClusterScopeNotAllowed", /--consumer-scope/],
  [
    "a version that is not served",
    view({ template: template("d", ["dbs", "x.io"], { version: "v9" }) }),
    "CRDInvalid",
    /does not serve version "v9"/,
  ],
  [
    "an older template for the same API",
    view({ counting: template("a", ["dbs", "x.io"]) }),
    "AnotherTemplateCounts",
    /"default\/a" offers the same API and is older/,
  ],
];
for (const [name, view, reason, message] of obstacles) {
  Deno.test(`planTemplateStatus() reports ${name}`, () => {
    const condition = established(planTemplateStatus(view, "Namespaced", NOW));
    deepEqual([condition.status, condition.reason], ["False", reason]);
    match(condition.message!, message);
  });
}

Deno.test("planTemplateStatus() forgets what it told of a schema and of objects that are not meant any more", () => {
  const schema = { hash: "old", verdict: "risky", current: 1, waiting: 1, refused: 0 };
  const impact = { hash: "old", objects: 1, refused: 0, tenants: [] };
  const conditions = setCondition([], { type: "SchemaInSync", status: "True" }, NOW);
  const snapshots = [{ hash: "older", keptAt: "2026-05-01T12:00:00Z" }];
  const told = { ...ONE, status: { schema: { ...schema, impact }, snapshots, conditions } };
  const next = { schema: { ...schema, hash: "new" } };
  const status = planTemplateStatus(view({ template: told, counting: told, rollout: next }), "Namespaced", NOW)!;
  deepEqual([status.schema?.hash, status.schema?.impact, status.snapshots], ["new", undefined, undefined]);
  const none = planTemplateStatus(view({ template: told, counting: told, problem: "no version" }), "Namespaced", NOW)!;
  deepEqual([none.schema, none.conditions?.map(({ type }) => type)], [undefined, ["Established"]]);
});

Deno.test("impactReadings() count no objects of a check that found out nothing", () => {
  const readings = (impact: object) => {
    const schema = { hash: "h", verdict: "risky", current: 0, waiting: 1, refused: 0 };
    return [
      ...impactReadings([{ ...ONE, status: { schema: { ...schema, impact: { hash: "h", ...impact } } } } as never]),
    ];
  };
  deepEqual(readings({ refused: 2, objects: 3, tenants: [] }), [[{ api: "dbs.x.io" }, 2]]);
  deepEqual(readings({ refused: 0, objects: 0, tenants: [], problem: "403" }), []);
});
