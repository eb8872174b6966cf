import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { eventually, provider } from "../tests/clusters.ts";
import { TcpProxy } from "../tests/tcp_proxy.ts";
import { KubeClient } from "./client.ts";
import { Informer } from "./informer.ts";
import { silentLog } from "./log.ts";
import { CONFIG_MAPS, type ConfigMap } from "./resources.ts";

const WORKERS = 16;

for (const tlsServerName of [undefined, "provider.klutch.test"]) {
  const way = tlsServerName ? "with tls-server-name" : "directly";
  Deno.test(`many requests and watches, ${way}, leave few connections and no listeners behind`, async () => {
    using cluster = await provider();
    await using proxy = new TcpProxy(cluster.config.server);
    const server = proxy.through(cluster.config.server);
    using client = new KubeClient({ ...cluster.config, server, tlsServerName });
    const api = client.api<ConfigMap>(CONFIG_MAPS);
    const { signal } = new AbortController(); // lives as long as the process would

    let left = 1000;
    await Promise.all(Array.from({ length: WORKERS }, async () => {
      while (left-- > 0) await api.get({ namespace: "default", name: "kube-root-ca.crt" }, signal);
    }));
    assert.ok(proxy.accepted <= 2 * WORKERS, `${proxy.accepted} connections for ${WORKERS} workers`);
    const afterRequests = proxy.open;

    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: 10 }, async () => {
        const stop = new AbortController();
        const informer = new Informer(api, { log: silentLog });
        const watching = informer.watch({ namespace: "default" }, stop.signal);
        await informer.synced(signal);
        stop.abort();
        await watching;
      }));
    }
    await eventually("closed watches close their connections", () => proxy.open <= afterRequests + 10);
    assert.equal(getEventListeners(signal, "abort").length, 0);

    client.close();
    await eventually("a closed client has no connections", () => proxy.open === 0);
  });
}
