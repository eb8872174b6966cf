import assert from "node:assert/strict";
import { countersSince, describeRequests, isWrite, parseCounters, type RequestCount, total } from "./request_counts.ts";

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
  const { requests, cpuSeconds } = parseCounters([
    line("PUT", "leases", 3, { group: "coordination.k8s.io" }),
    line("PUT", "leases", 1, { group: "coordination.k8s.io", code: "409" }),
    line("GET", "secrets", 2),
    line("PATCH", "databases", 5, { group: "example.com", subresource: "status" }),
    "process_cpu_seconds_total 12.5",
  ].join("\n"));
  assert.deepEqual(requests, [
    request("PUT", "leases.coordination.k8s.io", 4),
    request("GET", "secrets", 2),
    request("PATCH", "databases.example.com", 5, "status"),
  ]);
  assert.equal(cpuSeconds, 12.5);
});

Deno.test("countersSince() tells what came in between, and nothing else", () => {
  const before = { requests: [request("GET", "secrets", 2), request("PUT", "leases", 5)], cpuSeconds: 1 };
  const after = {
    requests: [request("GET", "secrets", 2), request("PUT", "leases", 9), request("POST", "events", 1)],
    cpuSeconds: 1.5,
  };
  const { requests, cpuSeconds } = countersSince(before, after);
  assert.deepEqual(requests, [request("PUT", "leases", 4), request("POST", "events", 1)]);
  assert.equal(cpuSeconds, 0.5);
  assert.equal(total(requests), 5);
  assert.equal(describeRequests(requests), "PUT leases: 4, POST events: 1");
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
