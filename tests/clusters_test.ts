import { deepEqual, match, ok, rejects } from "node:assert/strict";
import { NAMESPACES } from "../kube/resources.ts";
import { consumer, eventually, provider, uniqueName, within } from "./clusters.ts";

for (const connect of [provider, consumer]) {
  Deno.test(`${connect.name}() is a cluster that client and kubectl agree on`, async () => {
    using cluster = await connect();
    await using namespace = await cluster.namespace("clusters");
    const found = await cluster.client.api(NAMESPACES).get({ name: namespace.name }, within(10_000));
    const { code, stdout } = await cluster.kubectl([
      "get",
      "namespace",
      namespace.name,
      "-o",
      "jsonpath={.metadata.uid}",
    ]);
    deepEqual({ code, stdout }, { code: 0, stdout: found.metadata.uid });
  });
}

Deno.test("provider() and consumer() are not the same cluster", async () => {
  using one = await provider();
  using other = await consumer();
  ok(one.client.server !== other.client.server);
});

Deno.test("uniqueName() gives names that Kubernetes takes, never twice", () => {
  match(uniqueName("db"), /^db-[0-9a-f]{8}$/);
  ok(uniqueName("db") !== uniqueName("db"));
});

Deno.test("eventually() says what it waited for and why that did not come", async () => {
  const probe = () => {
    throw new Error("the object is missing");
  };
  await rejects(eventually("it appears", probe, { timeoutMs: 20, everyMs: 5 }), /it appears.*the object is missing/);
});
