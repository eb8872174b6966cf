import assert from "node:assert/strict";
import { createMetrics } from "./metrics.ts";

/** The lines of one metric, without comments. */
async function lines(metrics: Awaited<ReturnType<typeof createMetrics>>, name: RegExp): Promise<string[]> {
  const { body } = await metrics.render();
  return body.split("\n").filter((line) => !line.startsWith("#") && name.test(line));
}

Deno.test("requests are counted by verb and code, and timed by verb", async () => {
  const metrics = await createMetrics({ prefix: "t_" });
  metrics.requestDone({ verb: "GET", code: 200, durationMs: 20 });
  metrics.requestDone({ verb: "GET", code: 200, durationMs: 30 });
  metrics.requestDone({ verb: "PATCH", code: 0, durationMs: 5000 });
  assert.deepEqual(await lines(metrics, /^t_api_requests_total/), [
    't_api_requests_total{verb="GET",code="200"} 2',
    't_api_requests_total{verb="PATCH",code="0"} 1',
  ]);
  assert.deepEqual(await lines(metrics, /^t_api_request_duration_seconds_(sum|count).*GET/), [
    't_api_request_duration_seconds_sum{verb="GET"} 0.05',
    't_api_request_duration_seconds_count{verb="GET"} 2',
  ]);
});

Deno.test("queues and passes are told apart by controller", async () => {
  const metrics = await createMetrics({ prefix: "t_" });
  const queues = [{ depth: 3, oldestMs: 500 }, { depth: 4, oldestMs: 2500 }];
  const opened = queues.map((queue) => metrics.queueOpened("bindings", queue));
  metrics.queueWaited("bindings", 250);
  metrics.reconciled("bindings", "done", 10);
  metrics.reconciled("bindings", "failed", 10, "Conflict");
  assert.deepEqual(await lines(metrics, /^t_queue_depth/), ['t_queue_depth{controller="bindings"} 7']);
  assert.deepEqual(await lines(metrics, /^t_queue_oldest/), ['t_queue_oldest_seconds{controller="bindings"} 2.5']);
  opened.forEach((one) => one[Symbol.dispose]());
  assert.deepEqual(await lines(metrics, /^t_queue_(depth|oldest)/), []);
  assert.deepEqual(await lines(metrics, /^t_queue_wait_seconds_bucket.*le="0\.(1|25)"/), [
    't_queue_wait_seconds_bucket{le="0.1",controller="bindings"} 0',
    't_queue_wait_seconds_bucket{le="0.25",controller="bindings"} 1',
  ]);
  assert.deepEqual(await lines(metrics, /^t_reconcile(s|_failures)_total/), [
    't_reconciles_total{controller="bindings",outcome="done"} 1',
    't_reconciles_total{controller="bindings",outcome="failed"} 1',
    't_reconcile_failures_total{controller="bindings",reason="Conflict"} 1',
  ]);
});

Deno.test("what is unbound leaves no series behind, and may come back", async () => {
  const metrics = await createMetrics({ prefix: "t_" });
  const lag = metrics.histogram("lag_seconds", "Lag.", ["resource", "direction"], [1]);
  for (const resource of ["a", "b"]) {
    lag.observe({ resource, direction: "up" }, 0.5);
    lag.observe({ resource, direction: "down" }, 0.5);
    metrics.watchRestarted(resource, "error");
  }
  metrics.forget("resource", "a");
  assert.deepEqual(await lines(metrics, /resource="a"/), []);
  assert.equal((await lines(metrics, /^t_lag_seconds_count\{resource="b"/)).length, 2);
  metrics.watchRestarted("a", "error");
  assert.deepEqual(await lines(metrics, /resource="a"/), [
    't_watch_restarts_total{resource="a",reason="error"} 1',
  ]);
});

Deno.test("a metric never has more series than allowed, and loses no count", async () => {
  const metrics = await createMetrics({ prefix: "t_", maxSeries: 3 });
  for (let i = 0; i < 10; i++) metrics.watchRestarted(`resource-${i}`, "error");
  assert.deepEqual(await lines(metrics, /^t_watch_restarts_total/), [
    't_watch_restarts_total{resource="resource-0",reason="error"} 1',
    't_watch_restarts_total{resource="resource-1",reason="error"} 1',
    't_watch_restarts_total{resource="resource-2",reason="error"} 1',
    't_watch_restarts_total{resource="other",reason="other"} 7',
  ]);
});

Deno.test("measurements that are none do no harm", async () => {
  const metrics = await createMetrics({ prefix: "t_" });
  metrics.requestDone({ verb: "GET", code: 200, durationMs: NaN });
  metrics.counter("things", "Things.", ["a"]).add({ a: "x" }, -1);
  metrics.observed("level", "Level.", [], () => [[{}, 4]]);
  assert.deepEqual(await lines(metrics, /^t_(things|level|api_request_duration)/), ["t_level 4"]);
});

Deno.test("the process shows its memory, its processor time and its start", async () => {
  const metrics = await createMetrics({ prefix: "t_" });
  const value = async (name: string) => Number((await lines(metrics, new RegExp(`^${name} `)))[0]!.split(" ")[1]);
  assert.ok(await value("process_resident_memory_bytes") > 1e7);
  const cpu = await value("process_cpu_seconds_total");
  assert.ok(cpu > 0 && await value("process_cpu_seconds_total") >= cpu);
  assert.ok(Math.abs(await value("process_start_time_seconds") - Date.now() / 1000) < 3600);
});

Deno.test("two registries share nothing", async () => {
  const [a, b] = [await createMetrics({ prefix: "t_" }), await createMetrics({ prefix: "t_" })];
  using _ = a.queueOpened("bindings", { depth: 1, oldestMs: 0 });
  assert.deepEqual(await lines(b, /^t_queue_depth\{/), []);
});
