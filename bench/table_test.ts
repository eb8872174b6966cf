import assert from "node:assert/strict";
import { type Contender, formatTable } from "./table.ts";
import { judge } from "./targets.ts";

const ours: Contender = {
  name: "klutch",
  version: "v0.1.0",
  figures: {
    "ceiling.pairWithCreate": { value: 400 },
    "burst.rate": { value: 340 },
    "latency.upP50": { value: 6 },
    "restart.writes": { value: 0 },
  },
};
const peer: Contender = {
  name: "other",
  figures: {
    "ceiling.pairWithCreate": { value: 390 },
    "burst.rate": { value: 5.4, note: "650 of 2000 within 120 s" },
    "restart.writes": { value: 4, beyond: true, note: "650 of 2000 within 120 s" },
  },
};

Deno.test("formatTable() lines up figures, ratios, targets and notes", () => {
  const table = formatTable(ours, [peer], judge(ours.figures, [peer.figures]));
  assert.equal(
    table,
    `
klutch: v0.1.0
other: of unknown version

                                          klutch        other   ratio  target
ceiling: pair with create                 400 /s       390 /s  1.03 ×
burst, consumer → provider                340 /s  5.40 /s [1]  63.0 ×  met    ≥ 80 % of ceiling: pair with create (85 %)
                                                                       met    ≥ 2.50 × best peer
idle latency up, p50                        6 ms            –       –
settled restart: writes of the bound API       0      > 4 [1]     0 ×  met    ≤ 0

3 of 3 targets met
[1] other: 650 of 2000 within 120 s`.trim(),
  );
});

Deno.test("formatTable() without peers has no ratios", () => {
  const table = formatTable(ours, [], judge(ours.figures, []));
  assert.doesNotMatch(table, /ratio|×/);
  assert.match(table, /^burst, consumer → provider +340 \/s {2}met/m);
  assert.match(table, /^2 of 2 targets met$/m);
});

Deno.test("formatTable() warns when the machine was not equally fast for all", () => {
  const slow: Contender = { name: "slow", figures: { "ceiling.pairWithCreate": { value: 200 } } };
  assert.match(formatTable(ours, [slow], []), /ceilings differ by a factor of 2;/);
  assert.doesNotMatch(formatTable(ours, [peer], []), /ceilings differ/);
});

Deno.test("formatTable() says who failed on the way", () => {
  const failed: Contender = { ...peer, failure: "Cannot measure other (pairs): it ended" };
  assert.match(formatTable(ours, [failed], []), /^other failed on the way: Cannot measure other \(pairs\): it ended$/m);
});
