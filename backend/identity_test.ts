import { deepEqual, equal, notDeepEqual } from "node:assert/strict";
import { identityText, isUsableSubject, namespaceCandidates } from "./identity.ts";

Deno.test("identityText() is what the original wrote", () => {
  equal(identityText({ subject: "CiQ…", clusterId: "aB3x9Z" }), "CiQ…#aB3x9Z");
});

Deno.test("isUsableSubject() refuses subjects that could pose as another's", () => {
  equal(isUsableSubject("jane@example.com"), true);
  equal(isUsableSubject(""), false);
  equal(isUsableSubject("jane#abc"), false);
});

Deno.test("namespaceCandidates() are the same every time, valid, and different for other identities", () => {
  const names = namespaceCandidates("cluster", "jane#abc");
  deepEqual(namespaceCandidates("cluster", "jane#abc"), names);
  notDeepEqual(namespaceCandidates("cluster", "joe#abc"), names);
  equal(new Set(names).size, names.length);
  for (const name of names) equal(/^cluster-[a-z0-9]{5}$/.test(name), true, name);
});
