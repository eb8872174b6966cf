import assert from "node:assert/strict";
import {
  addCounters,
  countersSince,
  describeRequests,
  isWrite,
  parseCounters,
  type RequestCount,
  total,
} from "./request_counts.ts";

const line = (verb: string, resource: string, count: number, { group = "", subresource = "", code = "200" } = {}) =>
  `apiserver_request_total{code="${code}",component="apiserver",dry_run="",group="${group}",resource="${resource}",` +
  `scope="resource",subresource="${subresource}",verb="${verb}",version="v1"} ${count}`;

const request = (verb: string, resource: string, count = 1, subresource = ""): RequestCount => ({
  verb,
  resource,
  subresource,
  count,
});

Deno.test("parseCounters() adds up what differs only in its answer", () => {
  const { requests, cpuSeconds, cutWatches } = parseCounters([
    line("PUT", "leases", 3, { group: "coordination.k8s.io" }),
    line("PUT", "leases", 1, { group: "coordination.k8s.io", code: "409" }),
    line("GET", "secrets", 2),
    line("PATCH", "databases", 5, { group: "example.com", subresource: "status" }),
    "process_cpu_seconds_total 12.5",
    'apiserver_terminated_watchers_total{group="",resource="secrets"} 1',
    'apiserver_terminated_watchers_total{group="example.com",resource="databases"} 2',
  ].join("\n"));
  assert.deepEqual(requests, [
    request("PUT", "leases.coordination.k8s.io", 4),
    request("GET", "secrets", 2),
    request("PATCH", "databases.example.com", 5, "status"),
  ]);
  assert.equal(cpuSeconds, 12.5);
  assert.equal(cutWatches, 3);
});

Deno.test("countersSince() tells what came in between, and nothing else", () => {
  const before = {
    requests: [request("GET", "secrets", 2), request("PUT", "leases", 5)],
    cpuSeconds: 1,
    cutWatches: 1,
  };
  const after = {
    requests: [request("GET", "secrets", 2), request("PUT", "leases", 9), request("POST", "events", 1)],
    cpuSeconds: 1.5,
    cutWatches: 3,
  };
  const between = countersSince(before, after);
  assert.deepEqual(between, {
    requests: [request("PUT", "leases", 4), request("POST", "events", 1)],
    cpuSeconds: 0.5,
    cutWatches: 2,
  });
  assert.equal(total(between.requests), 5);
  assert.equal(describeRequests(between.requests), "PUT leases: 4, POST events: 1");
});

Deno.test("addCounters() adds up servers", () => {
  const one = { requests: [request("GET", "secrets", 2)], cpuSeconds: 1, cutWatches: 0 };
  const other = { requests: [request("GET", "secrets", 3), request("PUT", "leases", 1)], cpuSeconds: 2, cutWatches: 1 };
  assert.deepEqual(addCounters([one, other]), {
    requests: [request("GET", "secrets", 5), request("PUT", "leases", 1)],
    cpuSeconds: 3,
    cutWatches: 1,
  });
});

const writes: [RequestCount, boolean][] = [
  [request("APPLY", "databases.example.com"), true],
  [request("DELETECOLLECTION", "databases.example.com"), true],
  [request("LIST", "databases.example.com"), false],
  [request("WATCH", "databases.example.com"), false],
  [request("POST", "subjectaccessreviews.authorization.k8s.io"), false],
  [request("POST", ""), false],
];
for (const [of, want] of writes) {
  Deno.test(`isWrite() takes ${of.verb} ${of.resource || "of no resource"} for ${want ? "a write" : "none"}`, () => {
    assert.equal(isWrite(of), want);
  });
}
