import { deepEqual, equal, match } from "node:assert/strict";
import type { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import { toExportSpec } from "../crds/export_schema.ts";
import { type Canary, holdBack, type SchemaChange, SchemaChanges, type Stage, worstHeldBack } from "./schema_change.ts";
import { crd, template } from "./test_objects.ts";

const specWith = (...names: string[]) =>
  toExportSpec(
    crd("dbs", "x.io", { properties: Object.fromEntries(names.map((name) => [name, { type: "string" }])) }),
  );
const changes = new SchemaChanges();
const between = (before: string[], after: string[]): SchemaChange =>
  changes.between(specWith(...before), specWith(...after))!;
const safe = between(["a"], ["a", "b"]);
const breaking = between(["a", "b"], ["a"]);

type Policy = APIServiceExportTemplate["spec"]["schemaChanges"];
const withPolicy = (schemaChanges: Policy): APIServiceExportTemplate => {
  const one = template("dbs", ["dbs", "x.io"]);
  return { ...one, spec: { ...one.spec, schemaChanges } };
};

Deno.test("SchemaChanges compares by meaning, and once", () => {
  equal(changes.between(specWith("a"), specWith("a")), undefined);
  deepEqual([safe.verdict, breaking.verdict], ["safe", "breaking"]);
  equal(between(["a"], ["a", "b"]), safe);
});

const CASES: [title: string, policy: Policy, safe: string, breaking: string][] = [
  ["no policy", undefined, "goes", "SchemaBlocked"],
  ["Auto", { policy: "Auto" }, "goes", "SchemaBlocked"],
  ["Auto and an approved hash", { policy: "Auto", approved: breaking.hash }, "goes", "goes"],
  ["Manual", { policy: "Manual" }, "SchemaPending", "SchemaBlocked"],
  ["Manual and an approved hash", { policy: "Manual", approved: breaking.hash }, "SchemaPending", "goes"],
  ["Pinned", { policy: "Pinned" }, "SchemaPinned", "SchemaPinned"],
  ["Pinned and an approved hash", { policy: "Pinned", approved: breaking.hash }, "SchemaPinned", "SchemaPinned"],
  ["Force", { policy: "Force", reason: "agreed with all" }, "goes", "goes"],
];
for (const [title, policy, ofSafe, ofBreaking] of CASES) {
  Deno.test(`holdBack() with ${title}`, () => {
    equal(holdBack(safe, withPolicy(policy), undefined)?.[0] ?? "goes", ofSafe);
    equal(holdBack(breaking, withPolicy(policy), undefined)?.[0] ?? "goes", ofBreaking);
  });
}

Deno.test("holdBack() says what is worst, and by which hash it is approved", () => {
  const [, what] = holdBack(breaking, undefined, undefined)!;
  match(what, /^schema ".+" is breaking: v1 spec\.b: the field is gone/);
  equal(what.includes(breaking.hash), true);
});

const at = (isCanary: boolean, ...states: Canary["state"][]): Stage => ({
  isCanary,
  canaries: states.map((state, index) => ({ namespace: `tenant-${index}`, state })),
});
const STAGES: [title: string, stage: Stage, want: string][] = [
  ["goes to those who are first", at(true, "waiting"), "goes"],
  ["waits for them", at(false, "waiting", "installed"), "SchemaPending"],
  ["goes on after them", at(false, "installed", "installed"), "goes"],
  ["stops when one of them refuses", at(false, "installed", "refused", "waiting"), "SchemaRefused"],
  ["waits when nobody is first", at(false), "SchemaPending"],
];
for (const [title, stage, want] of STAGES) {
  Deno.test(`a cleared change ${title}`, () => {
    equal(holdBack(safe, withPolicy({ policy: "Auto" }), stage)?.[0] ?? "goes", want);
  });
}

Deno.test("what is not cleared does not go to canaries either", () => {
  equal(holdBack(breaking, withPolicy({ policy: "Auto" }), at(true, "waiting"))?.[0], "SchemaBlocked");
});

Deno.test("the template tells the worst of all reasons", () => {
  deepEqual(worstHeldBack([["SchemaPending", "a"], ["SchemaRefused", "b"], ["SchemaBlocked", "c"]]), [
    "SchemaRefused",
    "b",
  ]);
  equal(worstHeldBack([]), undefined);
});
