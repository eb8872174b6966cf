import { deepEqual, equal } from "node:assert/strict";
import { parse } from "yaml";
import { tenantKubeconfig } from "./tenant_kubeconfig.ts";

const tenant = { namespace: "cluster-a", token: "t0ken" };

Deno.test("tenantKubeconfig() is one context with namespace, server, CA and token", () => {
  const external = { server: "https://api:6443", caData: "-----BEGIN…\n", tlsServerName: "kubernetes.default" };
  const { clusters, contexts, users, "current-context": current } = parse(tenantKubeconfig(external, tenant));
  deepEqual(clusters, [{
    name: "default",
    cluster: {
      server: "https://api:6443",
      "tls-server-name": "kubernetes.default",
      "certificate-authority-data": new TextEncoder().encode("-----BEGIN…\n").toBase64(),
    },
  }]);
  deepEqual(contexts, [{ name: "default", context: { cluster: "default", namespace: "cluster-a", user: "default" } }]);
  deepEqual(users, [{ name: "default", user: { token: "t0ken" } }]);
  equal(current, "default");
});

Deno.test("tenantKubeconfig() leaves out what is not known", () => {
  const { clusters } = parse(tenantKubeconfig({ server: "https://api:6443" }, tenant));
  deepEqual(clusters[0].cluster, { server: "https://api:6443" });
});
