import type { KubeClient } from "../../kube/client.ts";
import { systemClock } from "../../kube/clock.ts";
import { isNotServed, KubeError, messageOf } from "../../kube/errors.ts";
import {
  CUSTOM_RESOURCE_DEFINITIONS,
  type CustomResourceDefinition,
  isEstablished,
  NAMESPACES,
} from "../../kube/resources.ts";
import {
  annotationOf,
  apiVersionOf,
  type DynamicObject,
  formatKey,
  isDeleting,
  keyOf,
  type KubeObject,
  type Resource,
} from "../../kube/types.ts";
import { API_SERVICE_NAMESPACE_ANNOTATION, CLUSTER_NAMESPACE_ANNOTATION } from "../names.ts";
import type { ApiDefinition } from "./compare_crd.ts";
import { lostFields } from "./lost_fields.ts";
import type { SchemaNode } from "./node.ts";

/** What a new schema would do to the stored objects of one tenant. */
export interface Impact {
  /** Cluster namespace of an app cluster; empty for objects that belong to none. */
  tenant: string;
  objects: number;
  /** How many of them the new schema refuses, or robs of fields. */
  refused: number;
  /** Some of those, and where they do not fit; never what they hold there. */
  samples: { object: string; paths: string[] }[];
}

const MAX_SAMPLES = 3;
const MAX_PATHS = 5;
const REQUEST_MS = 30_000;
const AT_ONCE = 8;

/**
 * Has the API server itself judge all stored objects by a new definition, CEL rules included: they are created by dry
 * run under a copy of the definition in a group of its own, which is deleted again. What rules say about changes of an
 * object is not looked at, and neither are objects whose namespace is being deleted: none can be created there.
 *
 * @param before where the API server has the new definition already: the one that objects were written with
 * @throws {KubeError} when the API server refuses the definition, or cannot tell of all objects
 */
export async function impactOf(
  client: KubeClient,
  definition: ApiDefinition,
  { before }: { before?: ApiDefinition },
  signal: AbortSignal,
): Promise<Impact[]> {
  const { copy, resource } = copyOf(definition);
  const crds = client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS);
  const { items: namespaces } = await client.api(NAMESPACES).list({}, signal);
  const tenants = tenantsByNamespace(namespaces);
  const written = before?.versions.find(({ name }) => name === resource.version)?.schema?.openAPIV3Schema;
  const impacts = new Map<string, Impact>();
  // Nothing can be created in those, but an API server looks at fields first, and refuses an object for one it lacks.
  const ending = new Set(namespaces.filter(isDeleting).map(({ metadata }) => metadata.name));
  await crds.create(copy, signal);
  try {
    await untilServed(client, copy.metadata.name, resource, signal);
    for await (const { items } of client.api(storedAs(definition)).listPages({}, signal)) {
      for (let start = 0; start < items.length; start += AT_ONCE) {
        await Promise.all(
          items.slice(start, start + AT_ONCE).map(async (object) => {
            const { namespace } = object.metadata;
            if (namespace && ending.has(namespace)) return;
            const judgement = await judge(client, resource, object, signal);
            if (judgement === "ends") return void ending.add(namespace!);
            const tenant = (namespace ? tenants.get(namespace) : annotationOf(object, CLUSTER_NAMESPACE_ANNOTATION)) ??
              "";
            const impact = impacts.get(tenant) ?? { tenant, objects: 0, refused: 0, samples: [] };
            impacts.set(tenant, impact);
            impact.objects++;
            const lost = written ? lostFields(object, written as SchemaNode) : [];
            if (judgement === "fits" && lost.length === 0) return;
            const paths = [...lost, ...judgement === "fits" ? [] : judgement].slice(0, MAX_PATHS);
            impact.refused++;
            if (impact.samples.length < MAX_SAMPLES) impact.samples.push({ object: formatKey(keyOf(object)), paths });
          }),
        );
      }
    }
  } finally {
    // Also after an interruption: nobody else would tidy up.
    await crds.delete(copy.metadata, {}, AbortSignal.timeout(REQUEST_MS));
  }
  return [...impacts.values()].toSorted((a, b) => a.tenant < b.tenant ? -1 : 1);
}

const storageOf = ({ versions }: ApiDefinition) => versions.find(({ storage }) => storage) ?? versions[0]!;

/** The API as it is stored, in the version that the new definition stores. */
const storedAs = (definition: ApiDefinition): Resource => resourceOf(definition, definition.group);

const resourceOf = (definition: ApiDefinition, group: string): Resource => ({
  group,
  version: storageOf(definition).name,
  plural: definition.names.plural,
  kind: definition.names.kind,
  namespaced: definition.scope === "Namespaced",
});

/** Of the copies' names, so that those of interrupted checks can be told. */
const COPY = /\.check-[0-9a-f]{8}\.klutch\.invalid$/;

/** A check takes so long at most, or has been interrupted. */
const CHECK_MS = 30 * 60_000;

/**
 * Deletes what interrupted checks have left behind.
 *
 * @param names of all CRDs that the API server has
 */
export async function removeLeftCopies(
  client: KubeClient,
  names: Iterable<string>,
  now: Date,
  signal: AbortSignal,
): Promise<void> {
  const crds = client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS);
  for (const name of names) {
    const copy = COPY.test(name) && await crds.find({ name }, signal);
    if (copy && now.getTime() - Date.parse(copy.metadata.creationTimestamp!) > CHECK_MS) {
      await crds.delete(copy.metadata, { uid: copy.metadata.uid }, signal);
    }
  }
}

function copyOf(definition: ApiDefinition): { copy: CustomResourceDefinition; resource: Resource } {
  const group = `check-${crypto.randomUUID().slice(0, 8)}.klutch.invalid`;
  const { plural, kind } = definition.names;
  // With a status of its own, an API server leaves it out of what is created.
  const { subresources: _, ...version } = storageOf(definition);
  const versions = [{ ...version, served: true, storage: true }];
  const copy: CustomResourceDefinition = {
    apiVersion: apiVersionOf(CUSTOM_RESOURCE_DEFINITIONS),
    kind: CUSTOM_RESOURCE_DEFINITIONS.kind,
    metadata: { name: `${plural}.${group}` },
    spec: { group, names: { plural, kind }, scope: definition.scope, versions },
  };
  return { copy, resource: resourceOf(definition, group) };
}

async function untilServed(client: KubeClient, name: string, resource: Resource, signal: AbortSignal): Promise<void> {
  const crds = client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS);
  const end = performance.now() + REQUEST_MS;
  while (performance.now() < end) {
    if (isEstablished(await crds.get({ name }, signal))) {
      try {
        return void await client.api(resource).list({}, signal);
      } catch (error) {
        if (!isNotServed(error)) throw error;
      }
    }
    await systemClock.sleep(100, signal);
  }
  throw new KubeError(`The control plane does not serve "${name}", a copy of the new definition`, { status: 0 });
}

const tenantsByNamespace = (namespaces: readonly KubeObject[]): Map<string, string> =>
  new Map(namespaces.flatMap((namespace) => {
    const [tenant] = annotationOf(namespace, API_SERVICE_NAMESPACE_ANNOTATION)?.split("/") ?? [];
    return tenant ? [[namespace.metadata.name, tenant]] : [];
  }));

/** @returns where an object does not fit, if it does not; that its namespace ends, if so */
async function judge(
  client: KubeClient,
  resource: Resource,
  { metadata: { namespace, name }, ...object }: DynamicObject,
  signal: AbortSignal,
): Promise<"fits" | "ends" | string[]> {
  const scope = namespace ? `/namespaces/${namespace}` : "";
  const path = `/apis/${apiVersionOf(resource)}${scope}/${resource.plural}`;
  const body = { ...object, apiVersion: apiVersionOf(resource), metadata: { namespace, name } };
  try {
    await client.request("POST", path, { query: { dryRun: "All", fieldValidation: "Strict" }, body }, signal);
    return "fits";
  } catch (error) {
    if (error instanceof KubeError && [400, 422].includes(error.status)) return pathsIn(messageOf(error));
    const home = namespace && await client.api(NAMESPACES).find({ name: namespace }, signal);
    if (namespace && (!home || isDeleting(home))) return "ends";
    throw error;
  }
}

const FIELD = /(?:is invalid: \[?|, |^)([A-Za-z][\w.[\]-]*): (?:Invalid|Required|Unsupported|Too|Duplicate|Forbidden)/g;
const UNKNOWN_FIELD = /unknown field "([^"]+)"/g;

/** Paths of fields in what an API server says about an object, and nothing else of it. */
export function pathsIn(message: string): string[] {
  const paths = [FIELD, UNKNOWN_FIELD].flatMap((pattern) => Array.from(message.matchAll(pattern), ([, path]) => path!));
  return [...new Set(paths)].slice(0, MAX_PATHS);
}
