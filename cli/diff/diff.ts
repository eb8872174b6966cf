import type { APIServiceBinding } from "../../crds/api_service_binding.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition, isEstablished } from "../../kube/resources.ts";
import { deepEqual } from "../../kube/json.ts";
import { formatKey } from "../../kube/types.ts";
import { printableLines } from "../../printable.ts";
import { Answer, type ProgramContext } from "../../program.ts";
import { isOurs } from "../../sync/consumer_crd.ts";
import { definitionOf } from "../../sync/definition.ts";
import { appClusterConfig, type AppClusterFlags, clientOf } from "../app_cluster.ts";
import { type DataFormat, printData } from "../data.ts";
import { worstOf } from "../diagnosis/finding.ts";
import { type Landscape, openLandscape } from "../diagnosis/landscape.ts";
import { type ProviderSide, sideOf } from "../diagnosis/provider_side.ts";
import { findTarget } from "../explain/target.ts";
import { createStyle } from "../style.ts";
import { Rehearsal } from "./change.ts";
import { rehearseClaims } from "./claims.ts";
import { findInstance, type Instances, listInstances, openInstances, rehearseInstances } from "./instances.ts";
import { masked } from "./masked.ts";
import { formatChanges, pathOf } from "./text.ts";

export interface DiffOptions {
  /** All objects of all bindings, and all that they claim, when absent. */
  object?: {
    /** As typed. */
    kind: string;
    name: string;
  };
  namespace?: string;
  format: DataFormat;
  appCluster: AppClusterFlags;
}

/** `klutch diff`: what the next sync would write. @throws {Answer} 1 for something, 2 when that cannot be told */
export async function runDiff({ object, format, ...options }: DiffOptions, context: ProgramContext): Promise<void> {
  const { signal, version } = context;
  const config = await appClusterConfig(options.appCluster, context.env);
  using appCluster = clientOf(config, context);
  using landscape = await openLandscape(appCluster, { userAgent: `kubectl-klutch/${version}` }, signal);
  const rehearsal = new Rehearsal();
  const namespace = options.namespace ?? (object && config.namespace) ?? "default";
  if (object) await rehearseOne(landscape, { ...object, namespace }, rehearsal, signal);
  else await rehearseAll(landscape, rehearsal, signal);
  const changes = rehearsal.changes.map(masked).filter(({ before, after }) => !deepEqual(before, after))
    .toSorted((a, b) => pathOf(a).localeCompare(pathOf(b)));
  const { problems } = rehearsal;
  await printData({ changes, problems }, format, () => formatChanges(changes, createStyle(context)), context);
  if (format === "table") { for (const problem of problems) context.writeError(`Error: ${printableLines(problem)}\n`); }
  if (problems.length > 0) throw new Answer(2);
  if (changes.length > 0) throw new Answer(1);
}

async function rehearseOne(
  landscape: Landscape,
  { kind, namespace, name }: { kind: string; namespace: string; name: string },
  rehearsal: Rehearsal,
  signal: AbortSignal,
): Promise<void> {
  const { resource, binding } = await findTarget(landscape, kind, signal);
  if (!binding) throw new Error(`Cannot compare: nothing called "${kind}" is bound; see \`kubectl klutch status\``);
  const { instances, obstacle } = await openBinding(landscape, binding, signal);
  if (!instances) throw new Error(`Cannot compare: ${obstacle}`);
  const key = resource?.namespaced === false ? { name } : { namespace, name };
  const view = await findInstance(instances, key, signal);
  if (!view.consumer && !view.provider) {
    throw new Error(`Cannot compare: there is no ${instances.definition.resource.kind} "${formatKey(key)}"`);
  }
  await rehearseInstances(instances, [view], rehearsal, signal);
}

async function rehearseAll(landscape: Landscape, rehearsal: Rehearsal, signal: AbortSignal): Promise<void> {
  const claiming = new Map<ProviderSide["client"], { side: ProviderSide; bindings: APIServiceBinding[] }>();
  for (const binding of landscape.bindings) {
    const { instances, obstacle } = await openBinding(landscape, binding, signal);
    if (!instances) {
      rehearsal.problems.push(`Cannot compare ${binding.metadata.name}: ${obstacle}`);
      continue;
    }
    await rehearseInstances(instances, await listInstances(instances, signal), rehearsal, signal);
    const { side } = instances;
    const known = claiming.get(side.client) ?? { side, bindings: [] };
    known.bindings.push(binding);
    claiming.set(side.client, known);
  }
  for (const { side, bindings } of claiming.values()) {
    await rehearseClaims(landscape, side, bindings, rehearsal, signal);
  }
}

/** The binding's API on both clusters, or why its objects are not synced. */
async function openBinding(
  landscape: Landscape,
  binding: APIServiceBinding,
  signal: AbortSignal,
): Promise<{ instances: Instances; obstacle?: undefined } | { instances?: undefined; obstacle: string }> {
  const { appCluster } = landscape;
  const { name } = binding.metadata;
  const view = await landscape.look(binding, signal);
  const side = sideOf(view.provider);
  const crds = appCluster.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS);
  const crd = await crds.find({ name }, signal);
  if (!side || !view.exported || !crd || !isOurs(crd, binding) || !isEstablished(crd)) {
    const { what = `${name} is not served yet`, action } = worstOf(view.findings) ?? {};
    return { obstacle: action ? `${what}. ${action}` : what };
  }
  return { instances: await openInstances(appCluster, side, definitionOf(view.exported), binding, signal) };
}
