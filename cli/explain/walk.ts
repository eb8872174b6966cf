import type { ObjectKey } from "../../kube/types.ts";
import { formatKey, resourceName } from "../../kube/types.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition } from "../../kube/resources.ts";
import { definitionOf } from "../../sync/definition.ts";
import { sameSchema } from "../../sync/consumer_crd.ts";
import type { BindingView } from "../diagnosis/binding.ts";
import { type Finding, passed, stopped } from "../diagnosis/finding.ts";
import type { Landscape } from "../diagnosis/landscape.ts";
import { readable } from "../diagnosis/readable.ts";
import { sideOf } from "../diagnosis/provider_side.ts";
import { claimFindings } from "./claims.ts";
import { instanceFindings } from "./instance.ts";
import { placeOf } from "./place.ts";
import { rightFindings } from "./rights.ts";
import type { Target } from "./target.ts";

/** Looks at all checkpoints of one object, in the order in which it passes them, as far as anything can be seen. */
export async function walk(
  landscape: Landscape,
  { typed, resource, binding }: Target,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<Finding[]> {
  if (!binding) {
    const finding = resource
      ? stopped("Bound", "KindNotBound", `${resourceName(resource)} is served here, and not bound to any provider`)
      : stopped("Bound", "KindNotServed", `This cluster serves no "${typed}", and no binding has that name`);
    return [finding];
  }
  const { name } = binding.metadata;
  const view = await landscape.look(binding, signal);
  const provider = view.provider.contract?.clusterBinding?.spec.providerPrettyName ?? "a provider";
  const findings = [passed("Bound", `${name} is bound to ${provider}`), ...view.findings];
  if (resource) findings.push(...await schemaFindings(landscape, view, signal));
  else findings.push(stopped("Schema", "DefinitionNotFound", `This cluster does not serve ${name}`));
  if (!resource) return findings;

  const side = sideOf(view.provider);
  const object = await landscape.appCluster.api(resource).find(key, signal);
  if (!object) {
    const what = `There is no ${resource.kind} "${formatKey(key)}" on this cluster`;
    findings.push(stopped("Object", "ObjectNotFound", what));
  }
  if (!side || !view.exported) return findings;
  const definition = definitionOf(view.exported);
  const { place, finding } = await placeOf(landscape.appCluster, side, definition, key, signal);
  const rights = await rightFindings(landscape, side, { definition, binding, place: place?.key }, signal);
  findings.push(...rights, finding);
  const isBlind = rights.some(({ reason }) => reason === "ProviderRightsMissing");
  if (!object || !place || isBlind) return findings;
  findings.push(
    ...await instanceFindings({
      appCluster: landscape.appCluster,
      consumer: object,
      definition,
      place,
      provider: side.client,
    }, signal),
  );
  findings.push(...await claimFindings(landscape, side, { binding, key, place }, signal));
  return findings;
}

async function schemaFindings(
  { appCluster }: Landscape,
  { binding, exported }: BindingView,
  signal: AbortSignal,
): Promise<Finding[]> {
  const { name } = binding.metadata;
  const crds = appCluster.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS);
  const crd = await readable(crds.find({ name }, signal));
  if (!crd || !exported) return []; // conditions tell
  const versions = crd.spec.versions.filter(({ served }) => served).map((version) => version.name).join(", ");
  const isSame = sameSchema(crd, exported, binding);
  const what = `${name} is served in ${versions}, ${isSame ? "with the provider's schema" : "and the schemas differ"}`;
  return [isSame ? passed("Schema", what) : stopped("Schema", "SchemaDiffers", what)];
}
