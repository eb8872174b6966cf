import assert from "node:assert/strict";
import { createKonnectorMetrics } from "./metrics.ts";

const page = await Deno.readTextFile(new URL("../docs/konnector.md", import.meta.url));

Deno.test("/metrics and its page name the same metrics, with the same labels", async () => {
  const metrics = await createKonnectorMetrics();
  using _api = metrics.apiOpened("a", () => ({ total: 2, inSync: 1 }));
  using _claim = metrics.claimOpened("secrets", "Provider", () => 1);
  using _queue = metrics.queueOpened("a", { depth: 1, oldestMs: 0 });
  metrics.lagged("a", "up", 1);
  metrics.requestDone({ verb: "GET", code: 200, durationMs: 1 });
  metrics.queueWaited("a", 1);
  metrics.reconciled("a", "failed", 1, "Conflict");
  metrics.watchRestarted("a", "Silence");
  metrics.eventDone("written");

  const { body } = await metrics.render();
  const types = Array.from(body.matchAll(/^# TYPE (\S+) (\S+)$/gm), ([, name, type]) => [name!, type!] as const);
  const labelsOf = (name: string, type: string) => {
    const series = new RegExp(`^${name}${type === "histogram" ? "_count" : ""}(?:\\{(.*)\\})? `, "m").exec(body);
    return Array.from((series?.[1] ?? "").matchAll(/(\w+)="/g), ([, label]) => label!).sort();
  };
  const served = types.map(([name, type]) => [name, type, ...labelsOf(name, type)].join(" "));
  const rows = page.matchAll(/^\| `((?:klutch_konnector|process)_\w+)` +\| (\w+) +\| ([^|]*?) *\|/gm);
  const documented = Array.from(
    rows,
    ([, name, type, labels]) =>
      [name, type, ...Array.from(labels!.matchAll(/`(\w+)`/g), ([, label]) => label!).sort()].join(" "),
  );
  assert.deepEqual(documented.sort(), served.sort());
});

Deno.test("what is unbound leaves no series", async () => {
  const metrics = await createKonnectorMetrics();
  {
    using _api = metrics.apiOpened("mangos", () => ({ total: 2, inSync: 1 }));
    using _claim = metrics.claimOpened("secrets", "Provider", () => 1);
    metrics.lagged("mangos", "up", 1);
    metrics.reconciled("mangos", "done", 1);
    metrics.reconciled("claimed secrets", "done", 1);
    metrics.watchRestarted("mangos", "Silence");
    assert.match((await metrics.render()).body, /objects_in_sync\{api="mangos"\} 1/);
  }
  assert.doesNotMatch((await metrics.render()).body, /mangos|secrets/);
});

Deno.test("a kind that is claimed twice counts once for each owner", async () => {
  const metrics = await createKonnectorMetrics();
  using _one = metrics.claimOpened("secrets", "Provider", () => 1);
  using _other = metrics.claimOpened("secrets", "Provider", () => 2);
  using _third = metrics.claimOpened("secrets", "Consumer", () => 4);
  const { body } = await metrics.render();
  assert.match(body, /claimed_objects\{claimed="secrets",owner="Provider"\} 3/);
  assert.match(body, /claimed_objects\{claimed="secrets",owner="Consumer"\} 4/);
});
