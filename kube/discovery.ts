import type { KubeClient } from "./client.ts";
import { KubeError } from "./errors.ts";
import type { Resource } from "./types.ts";

/** What an API server says about one of its resources. */
export interface ServedResource extends Resource {
  /** `get`, `list`, `watch`, `create` … */
  verbs: readonly string[];
  /** `status`, `scale` … */
  subresources: readonly string[];
  /** As people call one of them; empty where the server gives none. */
  singular: string;
  shortNames: readonly string[];
}

/** What an API server serves, as it was when asked. */
export class Discovery {
  /** In the server's order of groups, each group with its preferred version first. */
  readonly resources: readonly ServedResource[];
  /** Group versions of which nothing is known, because what serves them is down: `metrics.k8s.io/v1beta1`. */
  readonly missing: readonly string[];

  constructor(resources: readonly ServedResource[], missing: readonly string[]) {
    this.resources = resources;
    this.missing = missing;
  }

  /** Without a version, the preferred one of those that have the resource. */
  find(wanted: { group: string; plural: string; version?: string }): ServedResource | undefined {
    return this.#first(wanted, (resource) => resource.plural === wanted.plural);
  }

  findKind(wanted: { group: string; kind: string; version?: string }): ServedResource | undefined {
    return this.#first(wanted, (resource) => resource.kind === wanted.kind);
  }

  #first({ group, version }: { group: string; version?: string }, matches: (resource: ServedResource) => boolean) {
    return this.resources.find((resource) =>
      resource.group === group && (version === undefined || resource.version === version) && matches(resource)
    );
  }
}

/**
 * Asks an API server what it serves: in two requests, or one per group version where it does not know aggregated
 * discovery (before Kubernetes 1.27).
 *
 * @throws {KubeError} when the server does not answer; groups it cannot speak for are `missing` instead
 */
export async function discover(client: KubeClient, signal: AbortSignal): Promise<Discovery> {
  try {
    const parts = await Promise.all([
      discoverUnder(client, "/api", signal),
      discoverUnder(client, "/apis", signal),
    ]);
    return new Discovery(parts.flatMap((part) => part.resources), parts.flatMap((part) => part.missing));
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    const where = client.side ? `the ${client.side}` : client.server;
    const { status, reason, retryAfterMs, cause } = error;
    const message = `Cannot find out which APIs ${where} serves: ${status || ""} ${error.message}`.replace(/ +/g, " ");
    throw new KubeError(message, { status, reason, retryAfterMs, cause });
  }
}

const AGGREGATED = ["v2", "v2beta1"]
  .map((version) => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`);

interface Part {
  resources: ServedResource[];
  missing: string[];
}

async function discoverUnder(client: KubeClient, path: "/api" | "/apis", signal: AbortSignal): Promise<Part> {
  const accept = [...AGGREGATED, "application/json"].join(",");
  const answer = await client.request<AggregatedList | PlainGroups | PlainVersions>("GET", path, { accept }, signal);
  if (answer.kind === "APIGroupDiscoveryList") return readAggregated(answer);
  const groupVersions = answer.kind === "APIGroupList"
    ? answer.groups.flatMap(inPreferredOrder)
    : answer.versions.map((version) => ({ group: "", version }));
  return await readEach(client, path, groupVersions, signal);
}

interface GroupVersion {
  group: string;
  version: string;
}

interface AggregatedList {
  kind: "APIGroupDiscoveryList";
  items: {
    metadata?: { name?: string };
    versions?: {
      version: string;
      freshness?: "Current" | "Stale";
      resources?: {
        resource: string;
        responseKind?: { kind: string };
        singularResource?: string;
        scope: "Namespaced" | "Cluster";
        verbs: string[];
        shortNames?: string[];
        subresources?: { subresource: string }[];
      }[];
    }[];
  }[];
}

function readAggregated({ items }: AggregatedList): Part {
  const part: Part = { resources: [], missing: [] };
  for (const { metadata, versions = [] } of items) {
    const group = metadata?.name ?? "";
    for (const { version, freshness, resources = [] } of versions) {
      if (freshness === "Stale" && resources.length === 0) part.missing.push(`${group}/${version}`);
      for (
        const { resource, responseKind, singularResource = "", scope, verbs, shortNames = [], subresources = [] }
          of resources
      ) {
        part.resources.push({
          group,
          version,
          plural: resource,
          kind: responseKind?.kind ?? "",
          namespaced: scope === "Namespaced",
          verbs,
          subresources: subresources.map(({ subresource }) => subresource),
          singular: singularResource,
          shortNames,
        });
      }
    }
  }
  return part;
}

interface PlainGroup {
  name: string;
  versions: { version: string }[];
  preferredVersion?: { version: string };
}

interface PlainGroups {
  kind: "APIGroupList";
  groups: PlainGroup[];
}

interface PlainVersions {
  kind: "APIVersions";
  versions: string[];
}

interface PlainResources {
  resources: {
    name: string;
    kind: string;
    singularName?: string;
    namespaced: boolean;
    verbs: string[];
    shortNames?: string[];
  }[];
}

function inPreferredOrder({ name, versions, preferredVersion }: PlainGroup): GroupVersion[] {
  const all = versions.map(({ version }) => version);
  const first = preferredVersion ? [preferredVersion.version] : [];
  return [...new Set([...first, ...all])].map((version) => ({ group: name, version }));
}

async function readEach(
  client: KubeClient,
  path: string,
  groupVersions: GroupVersion[],
  signal: AbortSignal,
): Promise<Part> {
  const part: Part = { resources: [], missing: [] };
  const lists = groupVersions.map(async ({ group, version }) => {
    const groupPath = group ? `${path}/${group}/${version}` : `${path}/${version}`;
    try {
      return await client.request<PlainResources>("GET", groupPath, {}, signal);
    } catch (error) {
      if (!(error instanceof KubeError) || error.status === 0) throw error;
      return undefined; // an aggregated API whose server is down: 503
    }
  });
  for (const [index, list] of (await Promise.all(lists)).entries()) {
    const { group, version } = groupVersions[index]!;
    if (!list) part.missing.push(group ? `${group}/${version}` : version);
    for (
      const { name, kind, singularName: singular = "", namespaced, verbs, shortNames = [] } of list?.resources ?? []
    ) {
      if (name.includes("/")) continue;
      const subresources = list!.resources.flatMap((other) =>
        other.name.startsWith(`${name}/`) ? [other.name.slice(name.length + 1)] : []
      );
      part.resources.push({
        group,
        version,
        plural: name,
        kind,
        namespaced,
        verbs,
        subresources,
        singular,
        shortNames,
      });
    }
  }
  return part;
}
