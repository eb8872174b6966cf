import { equal, match, ok, rejects } from "node:assert/strict";
import { APIServiceExportRequest } from "../crds/api_service_export_request.ts";
import { installCrds } from "../crds/install.ts";
import { API_SERVICE_EXPORT_REQUESTS, API_VERSION } from "../crds/names.ts";
import { KubeClient } from "../kube/client.ts";
import { staticConfig } from "../kube/kubeconfig.ts";
import { createLog } from "../kube/log.ts";
import type { DynamicObject } from "../kube/types.ts";
import { provider, within } from "../tests/clusters.ts";
import { type ExportRequest, requestExports } from "./export_requests.ts";

const request = (name?: string): ExportRequest => ({
  apiVersion: API_VERSION,
  kind: "APIServiceExportRequest",
  metadata: { name },
  spec: { resources: [{ group: "mangodb.com", resource: "mangodbs" }] },
});

/** A namespace on the provider, and what its backend does with each request it sees. */
async function openProvider(react: (request: DynamicObject) => Promise<unknown>) {
  const cluster = await provider();
  await installCrds(
    cluster.client,
    [APIServiceExportRequest],
    createLog({ format: "text", level: "error", write: () => {} }),
    within(20_000),
  );
  const namespace = await cluster.namespace("requests");
  const api = cluster.client.api(API_SERVICE_EXPORT_REQUESTS);
  const stop = new AbortController();
  const seen = new Set<string>();
  const work = (async () => {
    while (!stop.signal.aborted) {
      for (const one of (await api.list({ namespace: namespace.name }, within(5000))).items) {
        if (seen.has(one.metadata.uid!)) continue;
        seen.add(one.metadata.uid!);
        await react(one);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  return {
    cluster,
    api,
    namespace: namespace.name,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await work;
      await namespace[Symbol.asyncDispose]();
      cluster[Symbol.dispose]();
    },
  };
}

Deno.test("requestExports() takes another name when an earlier request has it, and one of its own without", async () => {
  await using stage = await openProvider(({ metadata }) =>
    stage.api.mergePatch(metadata, { status: { phase: "Succeeded" } }, { subresource: "status" }, within(5000))
  );
  const names: string[] = [];
  for (const one of [request("mangodbs.mangodb.com"), request("mangodbs.mangodb.com"), request()]) {
    const { metadata, spec } = await requestExports(stage.cluster.client, stage.namespace, one, {}, within(10_000));
    equal(spec.resources[0]!.resource, "mangodbs");
    names.push(metadata.name);
  }
  equal(names[0], "mangodbs.mangodb.com");
  match(names[1]!, /^mangodbs\.mangodb\.com-\w{5}$/);
  match(names[2]!, /^export-\w{5}$/);
});

Deno.test("requestExports() notices that the provider has deleted the request", async () => {
  await using stage = await openProvider(({ metadata }) => stage.api.delete(metadata, {}, within(5000)));
  await rejects(
    requestExports(stage.cluster.client, stage.namespace, request("mangodbs.mangodb.com"), {}, within(10_000)),
    /APIServiceExportRequest mangodbs\.mangodb\.com was deleted by the service provider/,
  );
});

Deno.test("requestExports() does not wait for ever for an answer", async () => {
  await using stage = await openProvider(() => Promise.resolve());
  const options = { answerTimeoutMs: 500 };
  await rejects(
    requestExports(stage.cluster.client, stage.namespace, request("mangodbs.mangodb.com"), options, within(10_000)),
    /Cannot get an answer of the provider to the request for mangodbs\.mangodb\.com within 500ms/,
  );
});

Deno.test("requestExports() tells at once when the provider does not know us", async () => {
  await using stage = await openProvider(() => Promise.resolve());
  const { server, caData } = stage.cluster.config;
  using stranger = new KubeClient(staticConfig({ server, caData, token: "expired" }), { side: "provider" });
  const start = performance.now();
  await rejects(requestExports(stranger, stage.namespace, request("x"), {}, within(30_000)), /on the provider: 401/);
  ok(performance.now() - start < 15_000);
});
