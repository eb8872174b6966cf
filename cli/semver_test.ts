import { equal, ok } from "node:assert/strict";
import { compareVersions, parseVersion } from "./semver.ts";

const ascending = [
  "v0.2.9",
  "0.3.0-alpha",
  "0.3.0-alpha.1",
  "0.3.0-alpha.beta",
  "0.3.0-beta",
  "0.3.0-beta.2",
  "0.3.0-beta.11",
  "0.3.0-rc.1",
  "0.3.0+build.7",
  "v0.3.1",
  "v0.10.0",
  "v1.4.0",
  "2.0.0",
].map((text) => parseVersion(text)!);

Deno.test("compareVersions() orders as semver.org does", () => {
  for (const [i, a] of ascending.entries()) {
    for (const [j, b] of ascending.entries()) equal(Math.sign(compareVersions(a, b)), Math.sign(i - j));
  }
});

for (const text of ["", "v", "1", "1.2", "1.2.3.4", "01.2.3", "v1.2.x", "vv1.2.3", "1.2.3-", "latest", " 1.2.3"]) {
  Deno.test(`parseVersion() refuses "${text}"`, () => equal(parseVersion(text), undefined));
}

Deno.test("parseVersion() ignores a leading v and build metadata", () => {
  ok(compareVersions(parseVersion("v1.2.3+a")!, parseVersion("1.2.3")!) === 0);
});
