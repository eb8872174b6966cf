import { deepEqual, equal } from "node:assert/strict";
import { toServedApi } from "./catalogue.ts";
import {
  newExport,
  type Obstacle,
  planAnswer,
  planCleanup,
  planExport,
  type RequestedApi,
} from "./export_request_plan.ts";
import { toExportSpec } from "../crds/export_schema.ts";
import type { ConsumerScope } from "./options.ts";
import { claim, crd, CREATED, exportRequest, serviceExport, template } from "./test_objects.ts";

const name = "dbs.x.io";
const api = toServedApi(crd("dbs", "x.io"));
const clusterApi = toServedApi(crd("dbs", "x.io", { scope: "Cluster" }));
const offered = template("dbs", ["dbs", "x.io"]);
const exported = serviceExport("a", ["dbs", "x.io"]);

const exports: [name: string, requested: RequestedApi, scope: ConsumerScope, want: string][] = [
  ["waits for a CRD", { name, template: offered }, "Namespaced", "CRDNotFound"],
  [
    "exports nothing whose CRD is being deleted",
    { name, api: { ...api, isDeleting: true }, template: offered },
    "Namespaced",
    "CRDNotFound",
  ],
  ["wants the CRD even for an API exported before", { name, export: exported }, "Namespaced", "CRDNotFound"],
  ["exports what is offered", { name, api, template: offered }, "Namespaced", "export"],
  ["leaves an export of before alone, offered or not", { name, api, export: exported }, "Namespaced", "exported"],
  ["exports nothing without a template", { name, api }, "Namespaced", "NotOffered"],
  [
    "never exports a cluster-scoped API in scope Namespaced",
    { name, api: clusterApi, template: offered },
    "Namespaced",
    "ClusterScopeNotAllowed, final",
  ],
  [
    "exports a cluster-scoped API in scope Cluster",
    { name, api: clusterApi, template: offered },
    "Cluster",
    "export",
  ],
];
for (const [title, requested, scope, want] of exports) {
  Deno.test(`planExport() ${title}`, () => {
    const plan = planExport(requested, scope);
    equal(typeof plan === "string" ? plan : plan.reason + (plan.isFinal ? ", final" : ""), want);
  });
}

const after = (seconds: number) => new Date(Date.parse(CREATED) + seconds * 1000);
const pending = exportRequest("a", "r", [{ group: "x.io", resource: "dbs" }], { phase: "Pending" });
const missing: Obstacle = { reason: "CRDNotFound", what: "It is not there" };
const mismatch: Obstacle = { reason: "ClusterScopeNotAllowed", what: "It is too large", isFinal: true };

type Answer = [phase: string | undefined, requeueAfterMs: number];
const answers: [name: string, inTheWay: Obstacle | undefined, age: number, want: Answer][] = [
  ["succeeds at once when nothing is in the way, and looks again to clean up", undefined, 5, ["Succeeded", 595_000]],
  ["has patience for a minute", missing, 5, ["Pending", 55_000]],
  ["fails after that minute", missing, 60, ["Failed", 540_000]],
  ["fails at once when waiting is pointless", mismatch, 0, ["Failed", 600_000]],
  ["fails a request that was pending while the backend was down", missing, 3600, ["Failed", 1000]],
];
for (const [title, inTheWay, age, [phase, requeueAfterMs]] of answers) {
  Deno.test(`planAnswer() ${title}`, () => {
    const answer = planAnswer(pending, inTheWay, after(age));
    equal(answer.status?.phase, phase);
    equal(answer.requeueAfterMs, requeueAfterMs);
    const ready = answer.status?.conditions?.find(({ type }) => type === "Ready");
    equal(ready?.status, inTheWay ? "False" : "True");
    equal(answer.status?.terminalMessage, phase === "Failed" ? ready?.message : undefined);
  });
}

Deno.test("planAnswer() writes the same answer once", () => {
  const { status } = planAnswer(pending, missing, after(1));
  equal(planAnswer({ ...pending, status }, missing, after(2)).status, undefined);
});

Deno.test("planCleanup() deletes an answered request ten minutes after it was made", () => {
  deepEqual(planCleanup(pending, after(599)), { requeueAfterMs: 1000 });
  equal(planCleanup(pending, after(600)), "delete");
});

Deno.test("newExport() takes CRD and claims over, and isolation only for cluster-scoped APIs", () => {
  const claims = [claim("secrets")];
  const options = { consumerScope: "Cluster", clusterScopedIsolation: "Prefixed" } as const;
  const { spec: templateSpec } = template("dbs", ["dbs", "x.io"], { claims });
  const namespaced = newExport("a", toExportSpec(crd("dbs", "x.io")), templateSpec, options);
  equal(namespaced.metadata.name, "dbs.x.io");
  equal(namespaced.spec.informerScope, "Cluster");
  deepEqual(namespaced.spec.permissionClaims, claims);
  equal("clusterScopedIsolation" in namespaced.spec, false);
  const wide = newExport("a", toExportSpec(crd("dbs", "x.io", { scope: "Cluster" })), offered.spec, options);
  equal(wide.spec.clusterScopedIsolation, "Prefixed");
  equal("permissionClaims" in wide.spec, false);
});
