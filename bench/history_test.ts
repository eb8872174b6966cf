import assert from "node:assert/strict";
import { appendHistory, toHistoryEntry } from "./history.ts";
import { readOptions } from "./options.ts";
import type { Contender } from "./table.ts";
import { judge } from "./targets.ts";

const NOW = new Date("2026-01-31T23:59:59Z");
const options = readOptions(["--objects=20", "--peer", "other=/opt/other/konnector --token=x"]);
const ours: Contender = {
  name: "klutch",
  version: "v0.1.0",
  figures: {
    "ceiling.pairWithCreate": { value: 400 },
    "burst.rate": { value: 333.333 },
    "pairs.settledMiB": { value: 99.94 },
    "restart.writes": { value: 0 },
  },
};
const peer: Contender = {
  name: "other",
  version: "v9",
  figures: { "ceiling.pairWithCreate": { value: 410 }, "burst.rate": { value: 100 } },
};

Deno.test("toHistoryEntry() keeps ratios, memory and counts, and nothing that tells of the machine", () => {
  const entry = toHistoryEntry(NOW, options, ours, [peer], judge(ours.figures, [peer.figures]));
  assert.deepEqual(entry, {
    date: "2026-01-31",
    version: "v0.1.0",
    peers: [{ name: "other", version: "v9" }],
    sizes: {
      objects: 20,
      pairs: 10_000,
      samples: 200,
      informerScope: "Namespaced",
      templates: 200,
      connections: 50,
      requests: 10_000,
      clusters: 500,
      exports: 10,
      bindings: 50,
    },
    facts: { "pairs.settledMiB": 99.9, "restart.writes": 0 },
    ratios: { "burst.rate": 3.33 },
    targets: [
      { figure: "burst.rate", target: "≥ 80 % of ceiling: pair with create", met: true, ratio: 0.833 },
      { figure: "burst.rate", target: "≥ 2.50 × best peer", met: true, ratio: 3.33 },
      { figure: "pairs.settledMiB", target: "≤ 120", met: true },
      { figure: "restart.writes", target: "≤ 0", met: true },
    ],
  });
  assert.doesNotMatch(JSON.stringify(entry), /opt|token/);
});

Deno.test("appendHistory() adds a line and leaves the others alone", async () => {
  const path = await Deno.makeTempFile();
  try {
    const entry = toHistoryEntry(NOW, options, ours, [], []);
    await appendHistory(path, entry);
    await appendHistory(path, { ...entry, version: "v0.2.0" });
    const versions = (await Deno.readTextFile(path)).trimEnd().split("\n").map((line) => JSON.parse(line).version);
    assert.deepEqual(versions, ["v0.1.0", "v0.2.0"]);
  } finally {
    await Deno.remove(path);
  }
});
