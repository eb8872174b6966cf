import assert from "node:assert/strict";
import type { PermissionClaim } from "../crds/shared.ts";
import { defineClaims, type WantedClaims } from "./claim_definitions.ts";

const SECRETS: PermissionClaim = { group: "", resource: "secrets", version: "v1", selector: { owner: "Consumer" } };
const wanting = (mayDeleteOrphans: boolean): WantedClaims => ({ effective: [SECRETS], leaving: [], mayDeleteOrphans });
const leaving: WantedClaims = { effective: [], leaving: [SECRETS], mayDeleteOrphans: false };

const cases: [what: string, all: WantedClaims[], want: boolean][] = [
  ["stay while one of their bindings has not let them go", [wanting(true), wanting(false)], false],
  ["go when all of them have", [wanting(true), wanting(true)], true],
  ["do not wait for a binding that claims them no longer", [wanting(true), leaving], true],
];
for (const [what, all, want] of cases) {
  Deno.test(`copies whose source is missing ${what}`, () => {
    assert.equal(defineClaims(all).get("secrets Consumer")?.mayDeleteOrphans, want);
  });
}
