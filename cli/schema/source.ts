import { readFile } from "node:fs/promises";
import type { ApiDefinition } from "../../crds/compatibility/compare_crd.ts";
import { isNotFound, messageOf } from "../../kube/errors.ts";
import { isJsonObject } from "../../kube/json.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition } from "../../kube/resources.ts";
import type { Json } from "../../kube/types.ts";
import { type ProgramContext, UsageError } from "../../program.ts";
import { type ControlPlaneFlags, openControlPlane } from "./control_plane.ts";
import { misshapenAt, withoutNulls } from "./well_formed.ts";
import { type CompositeResourceDefinition, toClaimApi } from "./xrd.ts";

/** An API as somebody defines it. */
export interface DefinedApi {
  /** `<plural>.<group>` */
  name: string;
  definition: ApiDefinition;
  /** Defined by an XRD: Crossplane adds fields of its own to it. */
  isXrd: boolean;
}

// A folder `crds/` is as common as the word.
const LIVE = /^crds?\/(?!.*\.(?:ya?ml|json)$)([^/]+)$/;

/**
 * The APIs that an argument of the command line names: those of a file, of stdin (`-`), or one of a cluster (`crd/NAME`).
 *
 * @throws {UsageError} when there are none
 */
export async function readApis(
  argument: string,
  controlPlane: ControlPlaneFlags,
  context: ProgramContext,
): Promise<DefinedApi[]> {
  const name = LIVE.exec(argument)?.[1];
  if (name !== undefined) return [await readLive(name, controlPlane, context)];
  const apis = (await parseDocuments(argument, await readText(argument, context))).flatMap(toApi);
  if (apis.length > 0) return apis;
  throw new UsageError(`'${argument}' holds neither a CustomResourceDefinition nor a CompositeResourceDefinition`);
}

async function readLive(name: string, flags: ControlPlaneFlags, context: ProgramContext): Promise<DefinedApi> {
  using client = await openControlPlane(flags, context);
  try {
    const crd = await client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS).get({ name }, context.signal);
    return fromCrd(crd);
  } catch (cause) {
    if (isNotFound(cause)) throw new UsageError(`the cluster has no CustomResourceDefinition '${name}'`, { cause });
    throw cause;
  }
}

async function readText(path: string, { stdin }: ProgramContext): Promise<string> {
  if (path === "-") return await new Response(stdin).text();
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new UsageError(`cannot read '${path}': ${messageOf(cause)}`, { cause });
  }
}

async function parseDocuments(source: string, text: string): Promise<Json[]> {
  const { parseAllDocuments } = await import("yaml");
  const documents = parseAllDocuments(text);
  return (Array.isArray(documents) ? documents : []).map((document) => {
    const [error] = document.errors;
    if (error) throw new UsageError(`'${source}' is not YAML: ${error.message}`);
    return document.toJS() as Json;
  });
}

function toApi(document: Json): DefinedApi[] {
  if (!isJsonObject(document)) return [];
  if (document.kind === "List" && Array.isArray(document.items)) return document.items.flatMap(toApi);
  if (document.kind === "CustomResourceDefinition") return [fromCrd(checked(document) as CustomResourceDefinition)];
  if (document.kind !== "CompositeResourceDefinition") return [];
  const definition = toClaimApi(checked(document) as CompositeResourceDefinition);
  return [{ name: `${definition.names.plural}.${definition.group}`, definition, isXrd: true }];
}

/** The API that a CRD defines. */
export const fromCrd = ({ metadata, spec }: CustomResourceDefinition): DefinedApi => ({
  name: metadata.name,
  definition: spec,
  isXrd: false,
});

/** Nothing is compared that an API server would not have looked at. */
function checked(document: Record<string, Json>): unknown {
  const { apiVersion, metadata } = document;
  const spec = withoutNulls(document.spec!);
  const isComplete = typeof apiVersion === "string" && isJsonObject(metadata) && typeof metadata.name === "string" &&
    isJsonObject(spec) &&
    typeof spec.group === "string" && isJsonObject(spec.names) && typeof spec.names.plural === "string" &&
    typeof spec.names.kind === "string" && Array.isArray(spec.versions) &&
    spec.versions.every((version) => isJsonObject(version) && typeof version.name === "string");
  if (!isComplete) {
    throw new UsageError(
      `a ${document.kind} is incomplete: it needs apiVersion, metadata.name, spec.group, spec.names with plural and kind, and ` +
        `spec.versions with names; ${SAYS_MORE}`,
    );
  }
  const wrong = misshapenAt(spec as Parameters<typeof misshapenAt>[0]);
  if (wrong === undefined) return { ...document, spec };
  throw new UsageError(`no API server takes ${document.kind} '${metadata.name}': look at ${wrong}; ${SAYS_MORE}`);
}

const SAYS_MORE = "`kubectl apply --dry-run=server` says more";
