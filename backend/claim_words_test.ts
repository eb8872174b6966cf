import { deepEqual } from "node:assert/strict";
import type { PermissionClaim } from "../crds/shared.ts";
import { describeClaim } from "./claim_words.ts";
import { claim } from "./test_objects.ts";

const everywhere = "In every namespace where you use this API.";
const cases: [name: string, claim: PermissionClaim, summary: string, details: string[]][] = [
  ["provider-owned objects", claim("secrets"), "Writes secrets of its own into your cluster", [everywhere]],
  [
    "consumer-owned objects",
    claim("secrets", { selector: { owner: "Consumer" }, onConflict: { recreateWhenConsumerSideDeleted: true } }),
    "Reads your cluster's secrets",
    [everywhere],
  ],
  [
    "objects of either side",
    claim("widgets", { group: "x.io", selector: {}, required: true }),
    "Reads and writes widgets.x.io on your cluster",
    [everywhere, "The API does not work without it."],
  ],
  [
    "a selection of objects",
    claim("secrets", {
      selector: {
        owner: "Provider",
        names: ["a", "b"],
        namespaces: ["dev"],
        labelSelectors: [{ x: "1", y: "2" }, { z: "3" }],
      },
      create: { replaceExisting: true },
      onConflict: { recreateWhenConsumerSideDeleted: true },
    }),
    "Writes secrets of its own into your cluster",
    [
      "Only those named a, b, in the namespaces dev, labelled x=1 and y=2 or z=3.",
      "An object of yours with the same name is replaced.",
      "If you delete one, it is created again.",
    ],
  ],
];
for (const [name, given, summary, details] of cases) {
  Deno.test(`describeClaim() explains ${name}`, () => deepEqual(describeClaim(given), { summary, details }));
}
