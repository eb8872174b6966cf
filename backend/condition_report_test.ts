import { deepEqual, equal, rejects } from "node:assert/strict";
import { holds } from "../crds/reasons.ts";
import { KubeError } from "../kube/errors.ts";
import { ConditionReport } from "./condition_report.ts";

const NOW = new Date("2026-06-01T12:00:00Z");
const refuse = (status: number, reason = "") => () => Promise.reject(new KubeError("no.", { status, reason }));

Deno.test("ConditionReport tells what failed beside what did not, and keeps the failure", async () => {
  const report = new ConditionReport("AppClusterBinding");
  report.say(holds("AppClusterBinding", "SecretValid"));
  equal(await report.attempt("APIsBound", "BindFailed", refuse(403, "Forbidden")), undefined);
  equal(await report.attempt("KonnectorDeployed", "KonnectorDeploymentFailed", () => Promise.resolve(7)), 7);
  const conditions = report.over([], NOW).map(({ type, status, reason = "" }) => `${type} ${status} ${reason}`.trim());
  deepEqual(conditions, ["Ready False BindFailed", "APIsBound False BindFailed", "SecretValid True"]);
  equal(report.failure?.status, 403);
});

Deno.test("ConditionReport says nothing of conflicts, silent clusters and defects", async () => {
  const report = new ConditionReport("AppClusterBinding");
  for (const action of [refuse(409, "Conflict"), refuse(0), () => Promise.reject(new TypeError("defect"))]) {
    await rejects(report.attempt("APIsBound", "BindFailed", action));
  }
  deepEqual(report.over([], NOW), []);
  equal(report.failure, undefined);
});
