import { deepEqual, equal, match } from "node:assert/strict";
import type { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import { toExportSpec } from "../crds/export_schema.ts";
import { holdBack, type SchemaChange, SchemaChanges, type Stage, worstHeldBack } from "./schema_change.ts";
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
type Schema = NonNullable<NonNullable<APIServiceExportTemplate["status"]>["schema"]>;
/** @param checked what was found out about stored objects, and of which change */
const withPolicy = (
  schemaChanges: Policy,
  [{ hash, verdict }, impact]: [SchemaChange, Partial<Schema["impact"]>] = [breaking, {}],
): APIServiceExportTemplate => {
  const one = template("dbs", ["dbs", "x.io"]);
  const schema: Schema = {
    hash,
    verdict,
    current: 0,
    waiting: 1,
    refused: 0,
    impact: { hash, objects: 5, refused: 0, tenants: [], ...impact },
  };
  return { ...one, spec: { ...one.spec, schemaChanges }, status: { schema } };
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

Deno.test("holdBack() lets nothing but safe changes go before stored objects have been looked at", () => {
  for (const policy of [{ policy: "Auto", approved: breaking.hash }, { policy: "Force", reason: "so" }] as Policy[]) {
    equal(holdBack(breaking, withPolicy(policy, [safe, {}]), undefined)?.[0], "SchemaPending");
    const template = withPolicy(policy, [breaking, { problem: "no rights" }]);
    const [reason, what, details] = holdBack(breaking, template, undefined)!;
    deepEqual([reason, details, what.includes("no rights")], ["SchemaUnchecked", "no rights", false]);
    equal(holdBack(breaking, withPolicy(policy), undefined), undefined);
  }
});

const obeying = (rule: string) => ({ type: "string", "x-kubernetes-validations": [{ rule }] });
const ruled = changes.between(
  specWith("a"),
  toExportSpec(crd("dbs", "x.io", { properties: { a: obeying("self != ''") } })),
)!;
const CHECKED: [title: string, change: SchemaChange, impact: Partial<Schema["impact"]>, want: string][] = [
  ["lets a rule go that all stored objects obey", ruled, {}, "goes"],
  ["stops a rule that one does not obey", ruled, { refused: 1 }, "SchemaBlocked"],
  ["stops a rule that could not be checked", ruled, { problem: "no rights" }, "SchemaUnchecked"],
  ["stops what breaks programs, whatever objects say", breaking, {}, "SchemaBlocked"],
];
for (const [title, change, impact, want] of CHECKED) {
  Deno.test(`Auto ${title}`, () => {
    equal(holdBack(change, withPolicy({ policy: "Auto" }, [change, impact]), undefined)?.[0] ?? "goes", want);
  });
}

Deno.test("holdBack() tells what the check has found, to those who run the platform", () => {
  const samples = [{ object: "shop/orders", paths: ["spec.b"] }];
  const tenants = [{ tenant: "klutch-abcde", objects: 5, refused: 2, samples }];
  const template = withPolicy({ policy: "Auto" }, [breaking, { refused: 2, tenants }]);
  const [, what, details] = holdBack(breaking, template, undefined)!;
  equal(details, "2 of 5 stored objects no longer fit, e.g. shop/orders (spec.b)");
  equal(what.includes("shop"), false, "app clusters read it");
});

Deno.test("holdBack() does not follow a CRD while nothing is kept of the schema to go back to", () => {
  equal(holdBack(safe, withPolicy({ policy: "Auto", rollBackTo: "x" }), undefined)?.[0], "SchemaPinned");
});

const at = (isCanary: boolean, ...states: ("waiting" | "installed" | "refused")[]): Stage => ({
  isCanary,
  canaries: states.map((state) => ({ isInstalled: state === "installed" })),
  refusedBy: states.includes("refused") ? "tenant" : undefined,
});
const STAGES: [title: string, stage: Stage, want: string][] = [
  ["goes to those who are first", at(true, "waiting"), "goes"],
  ["waits for them", at(false, "waiting", "installed"), "SchemaPending"],
  ["goes on after them", at(false, "installed", "installed"), "goes"],
  ["stops when one of them refuses", at(false, "installed", "refused", "waiting"), "SchemaRefused"],
  ["stops for the others who are first, too", at(true, "refused", "waiting"), "SchemaRefused"],
  ["stops when somebody else refuses", { ...at(false, "installed"), refusedBy: "tenant" }, "SchemaRefused"],
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
