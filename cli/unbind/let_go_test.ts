import { deepEqual, rejects } from "node:assert/strict";
import { APIServiceBinding } from "../../crds/api_service_binding.ts";
import { installCrds } from "../../crds/install.ts";
import { API_SERVICE_BINDINGS, API_VERSION, BINDING_FINALIZER, KLUTCH_NAMESPACE } from "../../crds/names.ts";
import { silentLog } from "../../kube/log.ts";
import { consumer, eventually, uniqueName, within } from "../../tests/clusters.ts";
import { recordedTerminal } from "../terminal_fixture.ts";
import { letGo } from "./let_go.ts";

const FOREIGN = "example.com/keep";

Deno.test("letGo() takes off a binding no finalizer but ours, and says whose else hold it", async () => {
  using cluster = await consumer();
  const { client } = cluster;
  await installCrds(client, [APIServiceBinding], silentLog, within(20_000));
  await cluster.kubectl(["create", "namespace", KLUTCH_NAMESPACE]); // others may have made it
  const bindingApi = client.api<APIServiceBinding>(API_SERVICE_BINDINGS);
  const key = { namespace: KLUTCH_NAMESPACE, name: `queues.${uniqueName("team")}.example.com` };
  const binding = await bindingApi.create({
    apiVersion: API_VERSION,
    kind: API_SERVICE_BINDINGS.kind,
    metadata: { ...key, finalizers: [FOREIGN, BINDING_FINALIZER] },
    spec: { kubeconfigSecretRef: { name: "gone", key: "kubeconfig", namespace: KLUTCH_NAMESPACE } },
  }, within(5_000));

  const { terminal } = recordedTerminal();
  const deps = { appCluster: client, bindingApi, terminal, hasKonnector: false, waitTimeoutMs: 1_000 };
  const survey = { binding, objects: [], copies: { found: [] }, sharesSecretWith: [] };
  await rejects(letGo(deps, survey, "force", within(20_000)), /go, held by example\.com\/keep, within 1s/);
  const held = await bindingApi.get(key, within(5_000));
  deepEqual(held.metadata.finalizers, [FOREIGN]);
  await bindingApi.mergePatch(key, { metadata: { finalizers: null } }, {}, within(5_000));
  await eventually("it is gone", async () => !await bindingApi.find(key, within(5_000)));
});
