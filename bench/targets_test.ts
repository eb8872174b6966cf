import assert from "node:assert/strict";
import type { Figures } from "./figures.ts";
import { bestOf, judge, type Target, TARGETS, type Verdict } from "./targets.ts";

const ours: Figures = {
  "ceiling.pair": { value: 500 },
  "backlog.rate": { value: 450 },
  "latency.upP50": { value: 6 },
  "restart.writes": { value: 0 },
  "pairs.editSeconds": { value: 0.5, beyond: true },
};
const peers: Figures[] = [{ "latency.upP50": { value: 12 }, "backlog.rate": { value: 5 } }, {
  "latency.upP50": { value: 8 },
  "backlog.rate": { value: 100 },
}];

const cases: [name: string, target: Target, want: Verdict[]][] = [
  ["measures a rate by its own ceiling", { figure: "backlog.rate", factor: 0.8, of: "ceiling.pair" }, [
    { figure: "backlog.rate", target: "≥ 80 % of ceiling: pair", ratio: 0.9, met: true },
  ]],
  ["sees a ceiling out of reach", { figure: "backlog.rate", factor: 0.95, of: "ceiling.pair" }, [
    { figure: "backlog.rate", target: "≥ 95 % of ceiling: pair", ratio: 0.9, met: false },
  ]],
  ["compares with the best peer, the fastest", { figure: "backlog.rate", factor: 5, of: "peer" }, [
    { figure: "backlog.rate", target: "≥ 5 × best peer", ratio: 4.5, met: false },
  ]],
  ["compares with the best peer, the quickest", { figure: "latency.upP50", factor: 0.7, of: "peer" }, [
    { figure: "latency.upP50", target: "≤ 0.70 × best peer", ratio: 0.75, met: false },
  ]],
  ["takes a limit that is reached exactly", { figure: "restart.writes", limit: 0 }, [
    { figure: "restart.writes", target: "≤ 0", met: true },
  ]],
  ["takes nothing for reached that was not waited for", { figure: "pairs.editSeconds", limit: 1 }, [
    { figure: "pairs.editSeconds", target: "≤ 1", met: false },
  ]],
  ["is silent about what was not measured", { figure: "pairs.peakMiB", limit: 160 }, []],
  ["is silent where peers have nothing to compare with", { figure: "restart.writes", factor: 1, of: "peer" }, []],
];
for (const [name, target, want] of cases) {
  Deno.test(`judge() ${name}`, () => assert.deepEqual(judge(ours, peers, [target]), want));
}

Deno.test("judge() without peers still judges limits and ceilings", () => {
  assert.deepEqual(judge(ours, []).map(({ figure }) => figure), [
    "backlog.rate",
    "pairs.editSeconds",
    "restart.writes",
  ]);
});

Deno.test("bestOf() knows which way is better, and when there is nothing", () => {
  assert.equal(bestOf("backlog.rate", peers), 100);
  assert.equal(bestOf("latency.upP50", peers), 8);
  assert.equal(bestOf("pairs.peakMiB", peers), undefined);
});

Deno.test("every target of a table row is stated once", () => {
  const stated = TARGETS.map((target) => JSON.stringify(target));
  assert.equal(new Set(stated).size, stated.length);
});
