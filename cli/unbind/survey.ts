import type { APIServiceBinding } from "../../crds/api_service_binding.ts";
import { CLAIMED_FOR_LABEL, SYNC_FINALIZER } from "../../crds/names.ts";
import type { Api } from "../../kube/api.ts";
import type { KubeClient } from "../../kube/client.ts";
import { discover, type Discovery } from "../../kube/discovery.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition } from "../../kube/resources.ts";
import { type DynamicObject, formatKey, hasFinalizer, type ObjectKey, resourceName } from "../../kube/types.ts";
import { isOurs } from "../../sync/consumer_crd.ts";
import { definitionOf, type SyncDefinition } from "../../sync/definition.ts";
import { isBound } from "../../sync/instance_plan.ts";
import { readable } from "../diagnosis/konnector.ts";
import type { Landscape } from "../diagnosis/landscape.ts";
import type { ProviderView } from "../diagnosis/provider.ts";
import { listOnProvider, mappingOf, sideOf } from "../diagnosis/provider_side.ts";
import { printable } from "../../printable.ts";

/** All that hangs on one binding, on both clusters, as it is now. */
export interface Survey {
  binding: APIServiceBinding;
  /** The user's objects; absent when this cluster does not serve the kind. */
  consumerApi?: Api;
  objects: DynamicObject[];
  /** Their counterparts; undefined when the provider does not answer. */
  copies?: DynamicObject[];
  /** Copies of claimed objects on this cluster; undefined when it cannot be told which are ours. */
  claimedCopies?: DynamicObject[];
  /** The CRD, if it was installed for the binding. */
  crd?: CustomResourceDefinition;
  /** Other bindings that use the same Secret. */
  sharesSecretWith: string[];
}

/** Reads everything, and changes nothing. */
export async function survey(landscape: Landscape, binding: APIServiceBinding, signal: AbortSignal): Promise<Survey> {
  const { appCluster, bindings } = landscape;
  const { name } = binding.metadata;
  const [served, view, crd] = await Promise.all([
    discover(appCluster, signal),
    landscape.look(binding, signal),
    readable(appCluster.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS).find({ name }, signal)),
  ]);
  const resource = served.resources.find((one) => resourceName(one) === name);
  const consumerApi = resource && appCluster.api(resource);
  const secretOf = ({ spec }: APIServiceBinding) => formatKey(spec.kubeconfigSecretRef);
  return {
    binding,
    consumerApi,
    objects: consumerApi ? (await consumerApi.list({}, signal)).items : [],
    copies: view.exported && await listCopies(view.provider, definitionOf(view.exported), signal),
    claimedCopies: await listClaimedCopies(appCluster, served, binding, view.provider, signal),
    crd: crd && isOurs(crd, binding) ? crd : undefined,
    sharesSecretWith: bindings.filter((other) => other !== binding && secretOf(other) === secretOf(binding))
      .map(({ metadata }) => metadata.name),
  };
}

/** Objects on the provider that belong to objects of this cluster. */
async function listCopies(
  provider: ProviderView,
  definition: SyncDefinition,
  signal: AbortSignal,
): Promise<DynamicObject[] | undefined> {
  const side = sideOf(provider);
  if (!side) return undefined;
  const mapping = await mappingOf(side, definition, signal);
  return (await listOnProvider(side, definition, mapping, signal)).filter(isBound);
}

async function listClaimedCopies(
  appCluster: KubeClient,
  served: Discovery,
  { spec }: APIServiceBinding,
  { namespace }: ProviderView,
  signal: AbortSignal,
): Promise<DynamicObject[] | undefined> {
  if (!namespace) return undefined;
  const copies: DynamicObject[] = [];
  for (const { group, resource: plural, state, selector } of spec.permissionClaims ?? []) {
    const resource = served.find({ group, plural });
    if (state !== "Accepted" || selector?.owner === "Consumer" || !resource) continue;
    const labelSelector = `${CLAIMED_FOR_LABEL}=${namespace}`;
    copies.push(...(await appCluster.api(resource).list({ labelSelector }, signal)).items);
  }
  return copies;
}

/** `default/orders`, for each. */
export const names = (objects: readonly { metadata: ObjectKey }[]): string[] =>
  objects.map(({ metadata: { namespace, name } }) => printable(formatKey({ namespace, name }), 600));

/** Objects that nobody can delete before our finalizer is gone. */
export const heldByUs = (objects: readonly DynamicObject[]): DynamicObject[] =>
  objects.filter((object) => hasFinalizer(object, SYNC_FINALIZER));
