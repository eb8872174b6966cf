import type { APIServiceNamespace } from "../crds/api_service_namespace.ts";
import { API_SERVICE_NAMESPACES } from "../crds/names.ts";
import type { Api } from "../kube/api.ts";
import { type Log, silentLog } from "../kube/log.ts";
import type { Recorder } from "../kube/recorder.ts";
import { type CustomResourceDefinition, NAMESPACES } from "../kube/resources.ts";
import type { DynamicObject } from "../kube/types.ts";
import type { SyncDefinition } from "../sync/definition.ts";
import { consumer, eventually, provider, uniqueName, within } from "../tests/clusters.ts";
import { installCrd, mangoDbCrd, mangoDbResource } from "../tests/mangodb.ts";
import { openTestConnection } from "./connection_fixture.ts";
import { InstanceSync } from "./instance_sync.ts";
import type { KonnectorMetrics } from "./metrics.ts";

export interface PairOptions {
  informerScope?: SyncDefinition["informerScope"];
  hasStatusSubresource?: boolean;
  /** What both clusters serve; without the subresource, if that is not to be there. */
  crd?: (group: string) => CustomResourceDefinition;
  /** The provider lets the sync into its cluster namespace alone, and where `admit` says. */
  isRestricted?: boolean;
}

export interface OpenOptions {
  mayDeleteOrphans?: boolean;
  onlyDeletions?: boolean;
  log?: Log;
  metrics?: KonnectorMetrics;
  recorder?: Pick<Recorder, "event">;
}

/** Both clusters with one API on either, and a sync between them; the test plays the backend, which maps namespaces. */
export async function openPair(
  { informerScope = "Namespaced", hasStatusSubresource = true, crd = mangoDbCrd, isRestricted }: PairOptions = {},
) {
  await using opened = new AsyncDisposableStack();
  const [app, plane] = [opened.use(await consumer()), opened.use(await provider())];
  const group = `${uniqueName("sync")}.example.com`;
  const served = hasStatusSubresource ? crd(group) : withoutStatus(crd(group));
  for (const { client } of [app, plane]) opened.use(await installCrd(client, served));
  const { connection, clusterNamespace, account, signal } = await openTestConnection(opened, app, plane, isRestricted);
  const appNamespace = opened.use(await app.namespace("team")).name;
  const mappedNamespace = `${clusterNamespace}-${appNamespace}`;
  const serviceNamespaces = plane.client.api<APIServiceNamespace>(API_SERVICE_NAMESPACES);
  const definition: SyncDefinition = { resource: mangoDbResource(group), informerScope, hasStatusSubresource };
  const open = ({ mayDeleteOrphans = false, onlyDeletions = false, ...rest }: OpenOptions = {}) =>
    new InstanceSync(
      {
        consumer: app.client,
        connection,
        workers: 4,
        log: silentLog,
        recorder: { event: () => {} },
        onChange: () => {},
        mayDeleteOrphans: () => mayDeleteOrphans,
        ...rest,
      },
      { ...definition, onlyDeletions },
      signal,
    );
  const sides: Record<"consumer" | "provider", Api> = {
    consumer: app.client.api(mangoDbResource(group)),
    provider: plane.client.api(mangoDbResource(group)),
  };
  const key = { namespace: appNamespace, name: "db" };
  const providerKey = { namespace: mappedNamespace, name: "db" };
  const cleanup = opened.move();
  return {
    group,
    key,
    providerKey,
    clusterNamespace,
    connection,
    serviceNamespaces,
    ...sides,
    open,
    admit: (namespace: string) => account!.grant("cluster-admin", namespace),
    /** @param before done when the namespace is there, and nobody has heard of it */
    async mapNamespace(before: () => Promise<unknown> = () => Promise.resolve()) {
      const asked = { namespace: clusterNamespace, name: appNamespace };
      const request = await eventually(
        "the namespace is asked for",
        () => serviceNamespaces.find(asked, within(5_000)),
      );
      const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: mappedNamespace } };
      await plane.client.api(NAMESPACES).create(namespace, within(5_000));
      await before();
      await serviceNamespaces.replaceStatus({ ...request, status: { namespace: mappedNamespace } }, within(5_000));
    },
    onProvider: (what: string, is: (object: DynamicObject) => boolean) =>
      eventually(what, async () => {
        const object = await sides.provider.find(providerKey, within(5_000));
        return object && is(object) && object;
      }),
    onConsumer: (what: string, is: (object: DynamicObject) => boolean) =>
      eventually(what, async () => {
        const object = await sides.consumer.find(key, within(5_000));
        return object && is(object) && object;
      }),
    [Symbol.asyncDispose]: async () => {
      // Held objects would keep their namespace and CRD for ever.
      for (const { metadata } of (await sides.consumer.list({}, within(5_000))).items) {
        await sides.consumer.mergePatch(metadata, { metadata: { finalizers: null } }, {}, within(5_000));
      }
      await plane.client.api(NAMESPACES).delete({ name: mappedNamespace }, {}, within(5_000));
      await cleanup.disposeAsync();
    },
  };
}

function withoutStatus({ spec, ...crd }: CustomResourceDefinition): CustomResourceDefinition {
  const versions = spec.versions.map(({ subresources: _, ...version }) => version);
  return { ...crd, spec: { ...spec, versions } };
}
