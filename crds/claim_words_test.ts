import { deepEqual } from "node:assert/strict";
import type { PermissionClaim } from "./shared.ts";
import { describeClaim } from "./claim_words.ts";

const claim = (resource: string, rest: Partial<PermissionClaim> = {}): PermissionClaim => ({
  group: "",
  resource,
  version: "v1",
  selector: { namespaces: ["*"], owner: "Provider" },
  ...rest,
});

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
  Deno.test(`describeClaim() explains ${name}`, () => {
    const { crossing: _, ...words } = describeClaim(given);
    deepEqual(words, { summary, details });
  });
}

Deno.test("describeClaim() says what crosses the border, and which way", () => {
  const crossing = (owner?: "Provider" | "Consumer") =>
    describeClaim(claim("secrets", { selector: { owner } })).crossing;
  deepEqual([crossing("Provider"), crossing("Consumer"), crossing()], [
    "secrets of the provider are copied into this cluster",
    "secrets of this cluster are copied to the provider, with all they hold",
    "secrets are copied in both directions, with all they hold",
  ]);
});
