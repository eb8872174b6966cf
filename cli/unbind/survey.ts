import type { APIServiceBinding } from "../../crds/api_service_binding.ts";
import { CLAIMED_FOR_LABEL, SYNC_FINALIZER } from "../../crds/names.ts";
import type { Api } from "../../kube/api.ts";
import type { KubeClient } from "../../kube/client.ts";
import { discover, type Discovery } from "../../kube/discovery.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition } from "../../kube/resources.ts";
import { type DynamicObject, formatKey, hasFinalizer, type ObjectKey, resourceName } from "../../kube/types.ts";
import { isOurs } from "../../sync/consumer_crd.ts";
import { definitionOf } from "../../sync/definition.ts";
import { isBound } from "../../sync/instance_plan.ts";
import { type BindingView, exportFinding } from "../diagnosis/binding.ts";
import { type Finding, stopped, worstOf } from "../diagnosis/finding.ts";
import { readable } from "../diagnosis/readable.ts";
import type { Landscape } from "../diagnosis/landscape.ts";
import { listOnProvider, mappingOf, sideOf } from "../diagnosis/provider_side.ts";
import { boundApiOf, excessRights } from "../konnector/update_rights.ts";
import { printable } from "../../printable.ts";
import type { RightFinding } from "../rbac/compare.ts";

/** What is to be unbound. */
export interface Subject {
  /** Of API, CRD and binding: `<resource>.<group>`. */
  name: string;
  /** Absent when it is gone, though what hung on it may not be. */
  binding?: APIServiceBinding;
}

/** All that hangs on one binding, on both clusters, as it is now. */
export interface Survey extends Subject {
  /** The user's objects; absent when this cluster does not serve the kind, or it is nobody's but its own. */
  consumerApi?: Api;
  objects: DynamicObject[];
  /** Their counterparts. */
  copies: Copies;
  /** Copies of claimed objects on this cluster; undefined when it cannot be told which are ours. */
  claimedCopies?: DynamicObject[];
  /** The CRD, if it was installed for the binding. */
  crd?: CustomResourceDefinition;
  /** Other bindings that use the same Secret. */
  sharesSecretWith: string[];
  /** Rights of the konnector here that no other binding needs; undefined when they are not kept to what is bound. */
  spareRights?: RightFinding[];
}

/** What there is on the provider, or why that cannot be told. */
export type Copies = { found: DynamicObject[] } | { unknown: Finding };

export const foundIn = (copies: Copies): DynamicObject[] | undefined => "found" in copies ? copies.found : undefined;

/** Reads everything, and changes nothing. */
export async function survey(landscape: Landscape, { name, binding }: Subject, signal: AbortSignal): Promise<Survey> {
  const { appCluster, bindings } = landscape;
  const [served, view, found] = await Promise.all([
    discover(appCluster, signal),
    binding && landscape.look(binding, signal),
    readable(appCluster.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS).find({ name }, signal)),
  ]);
  const crd = found && isOurs(found, { metadata: { name } }) ? found : undefined;
  const resource = (binding || crd) && served.resources.find((one) => resourceName(one) === name);
  const consumerApi = resource && appCluster.api(resource);
  const others = bindings.filter((other) => other !== binding);
  const secretOf = ({ spec }: APIServiceBinding) => formatKey(spec.kubeconfigSecretRef);
  return {
    name,
    binding,
    consumerApi,
    objects: consumerApi ? (await consumerApi.list({}, signal)).items : [],
    copies: view ? await listCopies(view, signal) : { unknown: bindingGone(name) },
    claimedCopies: view && await listClaimedCopies(appCluster, served, view, signal),
    crd,
    sharesSecretWith: others.filter((other) => binding && secretOf(other) === secretOf(binding))
      .map(({ metadata }) => metadata.name),
    spareRights: await readable(excessRights(appCluster, others.map(boundApiOf), signal)),
  };
}

const bindingGone = (name: string): Finding => stopped("Bound", "KindNotBound", `${name} is not bound any more`);

/** Whether something is there that the binding of this API has left behind. */
export const isLeftBehind = ({ name, crd, spareRights = [] }: Survey): boolean =>
  crd !== undefined || spareRights.some(({ resource, names }) => resource === name || names?.includes(name));

/** Objects on the provider that belong to objects of this cluster. */
async function listCopies({ binding, provider, exported }: BindingView, signal: AbortSignal): Promise<Copies> {
  const side = sideOf(provider);
  if (!side || !exported) return { unknown: worstOf(provider.findings) ?? exportFinding(binding, exported) };
  const definition = definitionOf(exported);
  const mapping = await mappingOf(side, definition, signal);
  return { found: (await listOnProvider(side, definition, mapping, signal)).filter(isBound) };
}

async function listClaimedCopies(
  appCluster: KubeClient,
  served: Discovery,
  { binding: { spec }, provider: { namespace } }: BindingView,
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
