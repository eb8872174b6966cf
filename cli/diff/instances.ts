import type { APIServiceBinding } from "../../crds/api_service_binding.ts";
import type { APIServiceNamespace } from "../../crds/api_service_namespace.ts";
import { API_SERVICE_NAMESPACES, SYNC_FINALIZER } from "../../crds/names.ts";
import type { KubeClient } from "../../kube/client.ts";
import { parallel } from "../../kube/parallel.ts";
import { type DynamicObject, formatKey, keyOf, type ObjectKey, resourceName } from "../../kube/types.ts";
import { providerResource, type SyncDefinition } from "../../sync/definition.ts";
import { isOnProvider, letsOrphansGo, planInstance } from "../../sync/instance_plan.ts";
import { plannable, refusalOf } from "../../sync/instance_refusal.ts";
import { runStep, type StepDeps, type View } from "../../sync/instance_steps.ts";
import { namespaceRequest } from "../../sync/mapping.ts";
import { listOnProvider, mappingOf, type ProviderSide } from "../diagnosis/provider_side.ts";
import type { Change, Rehearsal } from "./change.ts";

/** Requests of one command that are under way at a time. */
export const CONCURRENCY = 8;

/** One bound API on both clusters; what is written there is only rehearsed. */
export interface Instances extends StepDeps {
  side: ProviderSide;
  definition: SyncDefinition;
  /** Whether objects on the provider go with consumer objects that nobody saw go. */
  isDeletionKnown: boolean;
}

export async function openInstances(
  appCluster: KubeClient,
  side: ProviderSide,
  definition: SyncDefinition,
  binding: APIServiceBinding,
  signal: AbortSignal,
): Promise<Instances> {
  return {
    side,
    definition,
    isDeletionKnown: letsOrphansGo(binding),
    consumer: { api: appCluster.api(definition.resource, { isDryRun: true }) },
    provider: { api: side.client.api(providerResource(definition), { isDryRun: true }) },
    mapping: await mappingOf(side, definition, signal),
    hasStatusSubresource: definition.hasStatusSubresource,
  };
}

/** Both objects of one key. */
export async function findInstance(instances: Instances, key: ObjectKey, signal: AbortSignal): Promise<InstanceView> {
  const { consumer, provider, mapping, isDeletionKnown } = instances;
  const providerKey = mapping.toProvider(key);
  const [ours, theirs] = await Promise.all([
    consumer.api.find(key, signal),
    providerKey && provider.api.find(providerKey, signal),
  ]);
  return { key, providerKey, consumer: ours, provider: theirs, isDeletionKnown };
}

/** As `View`, where the namespace may have no counterpart yet. */
type InstanceView = Omit<View, "providerKey"> & { providerKey?: ObjectKey };

/** All instances of the API, whichever cluster they are on. */
export async function listInstances(instances: Instances, signal: AbortSignal): Promise<InstanceView[]> {
  const { consumer, side, definition, mapping, isDeletionKnown } = instances;
  const [ours, theirs] = await Promise.all([
    consumer.api.list({}, signal),
    listOnProvider(side, definition, mapping, signal),
  ]);
  const views = new Map<string, InstanceView>();
  const viewOf = (key: ObjectKey) => {
    const view = views.get(formatKey(key)) ?? { key, providerKey: mapping.toProvider(key), isDeletionKnown };
    views.set(formatKey(key), view);
    return view;
  };
  for (const object of ours.items) viewOf(keyOf(object)).consumer = object;
  for (const object of theirs) viewOf(mapping.toConsumer(keyOf(object))!).provider = object;
  return [...views.values()];
}

/** Rehearses what the konnector would do about these. */
export async function rehearseInstances(
  instances: Instances,
  views: readonly InstanceView[],
  rehearsal: Rehearsal,
  signal: AbortSignal,
): Promise<void> {
  const { contract, clusterNamespace } = instances.side;
  const unmapped = new Set(views.flatMap(({ key, providerKey }) => providerKey ? [] : [key.namespace!]));
  for (const name of unmapped) {
    if (contract.namespaces.get({ namespace: clusterNamespace, name })) continue; // asked already
    await rehearsal.attempt(() => rehearseRequest(instances, name, signal));
  }
  const placed = views.filter((view): view is View => view.providerKey !== undefined);
  await parallel(placed, CONCURRENCY, (view) => rehearseInstance(instances, view, rehearsal, signal), signal);
}

/** The first that happens to an object of a namespace that has no counterpart. */
async function rehearseRequest({ side }: Instances, name: string, signal: AbortSignal): Promise<Change> {
  const { client, clusterNamespace } = side;
  const requests = client.api<APIServiceNamespace>(API_SERVICE_NAMESPACES, { isDryRun: true });
  const after = await requests.create(namespaceRequest(clusterNamespace, name), signal);
  return { side: "provider", resource: resourceName(API_SERVICE_NAMESPACES), after: { ...after } };
}

async function rehearseInstance(
  instances: Instances,
  found: View,
  rehearsal: Rehearsal,
  signal: AbortSignal,
): Promise<void> {
  const { mapping, consumer: { api } } = instances;
  const refusal = refusalOf(found, mapping);
  if (refusal) {
    rehearsal.problems.push(`Cannot sync ${resourceName(api.resource)} "${formatKey(found.key)}": ${refusal.why}`);
    return;
  }
  const view = plannable(found, mapping);
  for (const step of planInstance(view)) {
    await rehearsal.attempt(async () => {
      const written = await runStep(instances, step, view, signal);
      const before = isOnProvider(step) ? view.provider : view.consumer;
      const after = step === "release" ? released(view.consumer!) : written;
      return {
        side: isOnProvider(step) ? "provider" : "app cluster",
        resource: resourceName(api.resource),
        before,
        after,
      };
    });
  }
}

/** It goes with the last finalizer. */
function released(object: DynamicObject): DynamicObject | undefined {
  const finalizers = object.metadata.finalizers!.filter((name) => name !== SYNC_FINALIZER);
  return finalizers.length > 0 ? { ...object, metadata: { ...object.metadata, finalizers } } : undefined;
}
