import { deepEqual } from "node:assert/strict";
import { parse } from "yaml";
import type { SchemaNode } from "../../crds/compatibility/node.ts";
import { verdictOf } from "../../crds/compatibility/change.ts";
import { type ApiDefinition, compareApis } from "../../crds/compatibility/compare_crd.ts";
import definition from "../../crds/compatibility/testing/claims/definition.yaml" with { type: "text" };
import ofV1 from "../../crds/compatibility/testing/claims/v1.20.0.yaml" with { type: "text" };
import ofV2 from "../../crds/compatibility/testing/claims/v2.1.0.yaml" with { type: "text" };
import type { CustomResourceDefinition } from "../../kube/resources.ts";
import { type CompositeResourceDefinition, toClaimApi, withoutCrossplane } from "./xrd.ts";

type Fields = Record<string, SchemaNode>;

const xrd = () => toClaimApi(parse(definition) as CompositeResourceDefinition);
const claims: [crossplane: string, claim: () => ApiDefinition][] = [
  ["1.20", () => (parse(ofV1) as CustomResourceDefinition).spec],
  ["2.1", () => (parse(ofV2) as CustomResourceDefinition).spec],
];

/** What the platform team changes in its definition, Crossplane changes in the claim. */
function changed(api: ApiDefinition, change: (fields: Fields, spec: SchemaNode) => void): ApiDefinition {
  const { properties } = api.versions[0]!.schema!.openAPIV3Schema as SchemaNode;
  const { spec } = properties!;
  change(spec!.properties!, spec!);
  return api;
}

const verdict = (before: ApiDefinition, after: ApiDefinition): string => {
  const changes = compareApis(before, after);
  return [verdictOf(changes), ...changes.map(({ rule }) => rule).sort()].join(" ");
};

const CHANGES: [title: string, change: (fields: Fields, spec: SchemaNode) => void, want: string][] = [
  ["nothing", () => {}, "safe"],
  ["a field more", (fields) => void (fields.zone = { type: "string" }), "safe field-added"],
  ["a value more", ({ plan }) => void plan!.enum!.push("huge"), "safe enum-widened"],
  ["a field less", (fields) => void delete fields.ttl, "breaking field-removed"],
  ["a value less", ({ plan }) => void plan!.enum!.pop(), "breaking enum-narrowed"],
  ["another default", ({ plan }) => void (plan!.default = "large"), "risky default-changed"],
  ["a rule", ({ ttl }) => void (ttl!["x-kubernetes-validations"] = [{ rule: "self < 9" }]), "risky rule-added"],
  ["a field that must be given", (_, spec) => void spec.required!.push("ttl"), "breaking required-added"],
];

for (const [crossplane, claim] of claims) {
  for (const [title, change, want] of CHANGES) {
    Deno.test(`a claim of Crossplane ${crossplane} changes as its definition does: ${title}`, () => {
      deepEqual(verdict(claim(), changed(claim(), change)), want);
      deepEqual(verdict(xrd(), changed(xrd(), change)), want);
      deepEqual(verdict(withoutCrossplane(claim()), withoutCrossplane(changed(xrd(), change))), want);
    });
  }
}

Deno.test("another Crossplane changes the fields that every claim has", () => {
  const [[, before], [, after]] = claims as [typeof claims[0], typeof claims[0]];
  deepEqual(verdict(before(), after()), "breaking field-added field-removed");
  deepEqual(verdict(after(), before()), "breaking field-added field-removed");
  deepEqual(verdict(withoutCrossplane(before()), withoutCrossplane(after())), "safe");
});
