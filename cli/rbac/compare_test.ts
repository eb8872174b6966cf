import assert from "node:assert/strict";
import type { PolicyRule } from "../../kube/resources.ts";
import { compareRights, type Grant, type RightFinding } from "./compare.ts";

const rule = (resource: string, verbs: string[], ...resourceNames: string[]): PolicyRule => ({
  apiGroups: ["g.com"],
  resources: [resource],
  verbs,
  ...(resourceNames.length > 0 && { resourceNames }),
});
const everywhere = (...rules: PolicyRule[]): Grant => ({ rules });
const inside = (namespace: string, ...rules: PolicyRule[]): Grant => ({ namespace, rules });
const ANYTHING: PolicyRule = { apiGroups: ["*"], resources: ["*"], verbs: ["*"] };
const found = (finding: RightFinding["finding"], resource: string, verbs: string[], rest = {}) => ({
  finding,
  resource,
  verbs,
  ...rest,
});

const cases: [name: string, granted: Grant[], needed: Grant[], findings: object[]][] = [
  ["the same is in order", [everywhere(rule("cats", ["get"]))], [everywhere(rule("cats", ["get"]))], []],
  [
    "too much and too little",
    [everywhere(rule("cats", ["get", "delete"]))],
    [everywhere(rule("cats", ["get", "list"]))],
    [found("excess", "cats.g.com", ["delete"]), found("missing", "cats.g.com", ["list"])],
  ],
  [
    "what is granted everywhere is too much for a need in one namespace, and enough",
    [everywhere(rule("cats", ["get"]))],
    [inside("a", rule("cats", ["get"]))],
    [found("excess", "cats.g.com", ["get"])],
  ],
  [
    "what is granted in one namespace is not enough for a need everywhere, and not too much",
    [inside("a", rule("cats", ["get"]))],
    [everywhere(rule("cats", ["get"]))],
    [found("missing", "cats.g.com", ["get"])],
  ],
  [
    "all objects are too much for a need of some",
    [everywhere(rule("cats", ["get"]))],
    [everywhere(rule("cats", ["get"], "tom"))],
    [found("excess", "cats.g.com", ["get"])],
  ],
  [
    "each name by itself",
    [everywhere(rule("cats", ["get"], "tom", "felix"))],
    [everywhere(rule("cats", ["get"], "tom", "garfield"))],
    [
      found("excess", "cats.g.com", ["get"], { names: ["felix"] }),
      found("missing", "cats.g.com", ["get"], { names: ["garfield"] }),
    ],
  ],
  [
    "everything is too much",
    [everywhere(ANYTHING)],
    [everywhere(rule("cats", ["get"]))],
    [found("excess", "*.*", ["*"])],
  ],
  ["a need of everything is met by that only", [everywhere(ANYTHING)], [everywhere(ANYTHING)], []],
  [
    "parts of objects are rights of their own",
    [everywhere(rule("*/status", ["patch"]))],
    [everywhere(rule("cats/status", ["patch"]), rule("cats", ["patch"]))],
    [found("excess", "*.g.com/status", ["patch"]), found("missing", "cats.g.com", ["patch"])],
  ],
  [
    "an update can do no more than a patch",
    [everywhere(rule("cats", ["update", "patch"]))],
    [everywhere(rule("cats", ["patch"]))],
    [],
  ],
  [
    "paths of URLs are not needed",
    [everywhere({ nonResourceURLs: ["/metrics"], verbs: ["get"] })],
    [],
    [found("excess", "/metrics", ["get"])],
  ],
];
for (const [name, granted, needed, findings] of cases) {
  Deno.test(`compareRights(): ${name}`, () => {
    const told = JSON.parse(JSON.stringify(compareRights(granted, needed)));
    assert.deepEqual(told.map(({ namespace: _, ...rest }: RightFinding) => rest), findings);
  });
}

Deno.test("compareRights() says where, and who grants it", () => {
  const [one] = compareRights([{ ...inside("a", rule("cats", ["get"])), by: "Role a/cats" }], []);
  assert.deepEqual([one?.namespace, one?.by], ["a", "Role a/cats"]);
});
