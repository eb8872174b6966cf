import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { APIServiceBinding } from "../../crds/api_service_binding.ts";
import { installCrds } from "../../crds/install.ts";
import {
  API_SERVICE_BINDINGS,
  API_VERSION,
  BINDING_FINALIZER,
  BOUND_ANNOTATION,
  KLUTCH_NAMESPACE,
  SYNC_FINALIZER,
} from "../../crds/names.ts";
import { silentLog } from "../../kube/log.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition } from "../../kube/resources.ts";
import { consumer, eventually, uniqueName, within } from "../../tests/clusters.ts";
import { installCrd, mangoDb, mangoDbCrd, mangoDbResource } from "../../tests/mangodb.ts";
import { recordedTerminal } from "../terminal_fixture.ts";
import { letGo } from "./let_go.ts";
import type { Survey } from "./survey.ts";

const FOREIGN = "example.com/keep";

/** A bound API with an object that a konnector holds, and nobody at work for it. */
async function openBound(finalizers: string[]) {
  const cluster = await consumer();
  const { client } = cluster;
  await installCrds(client, [APIServiceBinding], silentLog, within(20_000));
  await cluster.kubectl(["create", "namespace", KLUTCH_NAMESPACE]); // others may have made it
  const group = `${uniqueName("let-go")}.example.com`;
  const crd = mangoDbCrd(group);
  const { name } = crd.metadata;
  crd.metadata.annotations = { [BOUND_ANNOTATION]: "true" };
  await using stack = new AsyncDisposableStack();
  stack.use(await installCrd(client, crd));
  const objects = client.api(mangoDbResource(group));
  const object = mangoDb(group, { namespace: "default", name: "orders" });
  object.metadata.finalizers = [SYNC_FINALIZER];
  await eventually("it can be made", () => objects.create(object, within(5_000)));
  const bindingApi = client.api<APIServiceBinding>(API_SERVICE_BINDINGS);
  const key = { namespace: KLUTCH_NAMESPACE, name };
  const binding = await bindingApi.create({
    apiVersion: API_VERSION,
    kind: API_SERVICE_BINDINGS.kind,
    metadata: { ...key, finalizers },
    spec: { kubeconfigSecretRef: { name: "gone", key: "kubeconfig", namespace: KLUTCH_NAMESPACE } },
  }, within(5_000));
  const crds = client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS);
  const { items } = await objects.list({}, within(5_000));
  const survey: Survey = {
    name,
    binding,
    crd: await crds.get({ name }, within(5_000)),
    consumerApi: objects,
    objects: items,
    copies: { found: [] },
    sharesSecretWith: [],
  };
  const { terminal, said } = recordedTerminal();
  const opened = stack.move();
  return {
    survey,
    deps: { appCluster: client, bindingApi, terminal, hasKonnector: false, waitTimeoutMs: 1_000 },
    said,
    binding: () => bindingApi.find(key, within(5_000)),
    holders: async () => (await objects.get(object.metadata, within(5_000))).metadata.finalizers ?? [],
    async [Symbol.asyncDispose]() {
      if (await bindingApi.find(key, within(5_000))) {
        await bindingApi.mergePatch(key, { metadata: { finalizers: null } }, {}, within(5_000));
        await bindingApi.delete(key, {}, within(5_000));
      }
      if (await objects.find(object.metadata, within(5_000))) {
        await objects.mergePatch(object.metadata, { metadata: { finalizers: null } }, {}, within(5_000));
      }
      await opened.disposeAsync();
      cluster[Symbol.dispose]();
    },
  };
}

Deno.test("letGo() takes off a binding no finalizer but ours, and says whose else hold it", async () => {
  await using bound = await openBound([FOREIGN, BINDING_FINALIZER]);
  const { deps, survey } = bound;
  await rejects(letGo(deps, survey, "force", within(20_000)), /go, held by example\.com\/keep, within 1s/);
  deepEqual((await bound.binding())?.metadata.finalizers, [FOREIGN]);
  deepEqual(await bound.holders(), []);
});

Deno.test("letGo() goes on where an object was changed at the same time", async () => {
  await using bound = await openBound([BINDING_FINALIZER]);
  const { deps, survey } = bound;
  const api = survey.consumerApi!;
  const list = api.list.bind(api);
  let isUntouched = true;
  api.list = async (...selection) => {
    const listed = await list(...selection);
    if (isUntouched) await api.mergePatch(listed.items[0]!.metadata, { spec: { region: "x" } }, {}, within(5_000));
    isUntouched = false;
    return listed;
  };
  await letGo(deps, survey, "force", within(20_000));
  deepEqual(await bound.holders(), []);
  equal(await bound.binding(), undefined);
});

Deno.test("letGo() keeps a binding without konnector until all else is done, so that it can be run again", async () => {
  await using bound = await openBound([BINDING_FINALIZER]);
  const { deps, survey } = bound;
  const interruption = new AbortController();
  const say = (line: string) => line.startsWith("✅ Released") && interruption.abort();
  const interrupted = { ...deps, terminal: { ...deps.terminal, say } };
  await rejects(letGo(interrupted, survey, "force", interruption.signal), /abort/i);
  const binding = await bound.binding();
  deepEqual(binding?.metadata.finalizers, [BINDING_FINALIZER]);
  await letGo(deps, { ...survey, binding }, "force", within(20_000));
  equal(await bound.binding(), undefined);
});

Deno.test("letGo() leaves objects and CRD to whoever has bound the API meanwhile", async () => {
  await using bound = await openBound([BINDING_FINALIZER]);
  const { deps, survey } = bound;
  const gone = { ...survey, binding: undefined };
  await letGo(deps, gone, "force", within(20_000));
  match(
    bound.said.join("\n"),
    /^ℹ️ Objects and CRD stay with APIServiceBinding klutch-bind\/.*, which has the API now$/,
  );
  deepEqual(await bound.holders(), [SYNC_FINALIZER]);
});
