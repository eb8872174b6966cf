import type { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import { groupResourceName, type PermissionClaim } from "../crds/shared.ts";
import type { CustomResourceDefinition } from "../kube/resources.ts";
import type { Store } from "../kube/store.ts";
import { isDeleting } from "../kube/types.ts";
import type { ConsumerScope } from "./options.ts";

/** What we keep of a CRD; its schemas are read again when they are exported. */
export interface ServedApi {
  /** `<plural>.<group>` */
  name: string;
  uid: string;
  /** Moves on with every change of the definition, but not of its status. */
  generation: number;
  group: string;
  plural: string;
  singular: string;
  kind: string;
  scope: "Cluster" | "Namespaced";
  /** Served ones, as in the CRD. */
  versions: string[];
  /** First paragraph of what `kubectl explain` says. */
  description?: string;
  isDeleting: boolean;
}

/** The summary of a CRD that an informer keeps. */
export function toServedApi(crd: CustomResourceDefinition): ServedApi {
  const { metadata, spec: { group, names, scope, versions } } = crd;
  const described = versions.find(({ storage }) => storage)?.schema?.openAPIV3Schema?.description;
  return {
    name: metadata.name,
    uid: metadata.uid ?? "",
    generation: metadata.generation ?? 0,
    group,
    plural: names.plural,
    singular: names.singular || names.kind.toLowerCase(),
    kind: names.kind,
    scope,
    versions: versions.filter(({ served }) => served).map(({ name }) => name),
    ...(typeof described === "string" && described && { description: firstParagraph(described) }),
    isDeleting: isDeleting(crd),
  };
}

const firstParagraph = (text: string): string => text.split(/\n\s*\n/, 1)[0]!.trim();

/** One API that can be bound, as people see it. */
export interface Offer {
  api: ServedApi;
  claims: PermissionClaim[];
}

/** Index of templates by the API they offer. */
export const TEMPLATES_BY_API = "api";
export const templateIndexers = {
  [TEMPLATES_BY_API]: ({ spec }: APIServiceExportTemplate) => [groupResourceName(spec.APIServiceSelector)],
};

/** What is on offer: APIs of this cluster for which somebody wrote a template. */
export class Catalogue {
  readonly #apis: Store<ServedApi>;
  readonly #templates: Store<APIServiceExportTemplate>;
  readonly #scope: ConsumerScope;

  constructor(
    apis: Store<ServedApi>,
    templates: Store<APIServiceExportTemplate>,
    scope: ConsumerScope,
  ) {
    this.#apis = apis;
    this.#templates = templates;
    this.#scope = scope;
  }

  /** All offers, by name of the CRD. */
  list(): Offer[] {
    const names = new Set<string>();
    for (const { spec } of this.#templates.list()) names.add(groupResourceName(spec.APIServiceSelector));
    return [...names].sort().flatMap((name) => this.find(name) ?? []);
  }

  /** @param name `<resource>.<group>` */
  find(name: string): Offer | undefined {
    const api = this.#apis.get({ name });
    const template = this.templateOf(name);
    if (!api || api.isDeleting || !template) return undefined;
    if (api.scope === "Cluster" && this.#scope === "Namespaced") return undefined;
    return { api, claims: template.spec.permissionClaims ?? [] };
  }

  /** The template that counts for an API: the oldest, should there be several. */
  templateOf(name: string): APIServiceExportTemplate | undefined {
    return this.#templates.by(TEMPLATES_BY_API, name).toSorted(byAge)[0];
  }
}

/** Oldest first; timestamps have whole seconds, so the names decide among equals. */
function byAge({ metadata: a }: APIServiceExportTemplate, { metadata: b }: APIServiceExportTemplate): number {
  const keyOf = (meta: typeof a) => `${meta.creationTimestamp} ${meta.namespace}/${meta.name}`;
  return keyOf(a) < keyOf(b) ? -1 : 1;
}
