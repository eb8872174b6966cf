import type { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import { groupResourceName, type PermissionClaim } from "../crds/shared.ts";
import type { CustomResourceDefinition } from "../kube/resources.ts";
import type { Store } from "../kube/store.ts";
import { formatKey, isDeleting, keyOf } from "../kube/types.ts";
import { type Admission, isAdmitted, type Person } from "./admission.ts";
import { planOffer } from "./export_template_plan.ts";
import type { ConsumerScope } from "./options.ts";
import { Refusal } from "./refusal.ts";

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
  /** For people. */
  title: string;
  about?: string;
  /** A data URI. */
  icon?: string;
  documentationUrl?: string;
  /** Served versions that are exported. */
  versions: string[];
  claims: PermissionClaim[];
}

/** Index of templates by the API they offer. */
export const TEMPLATES_BY_API = "api";
export const templateIndexers = {
  [TEMPLATES_BY_API]: ({ spec }: APIServiceExportTemplate) => [groupResourceName(spec.APIServiceSelector)],
};

/** Who may bind what a template offers. */
export const admissionOf = ({ spec }: APIServiceExportTemplate): Admission => ({
  groups: spec.allowedGroups ?? [],
  users: spec.allowedUsers ?? [],
});

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

  /** All offers to this person, by name of the CRD. */
  list(person: Person): Offer[] {
    const names = new Set<string>();
    for (const { spec } of this.#templates.list()) names.add(groupResourceName(spec.APIServiceSelector));
    return [...names].sort().flatMap((name) => this.find(name, person) ?? []);
  }

  /** @param name `<resource>.<group>` */
  find(name: string, person: Person): Offer | undefined {
    const api = this.#apis.get({ name });
    const template = this.templateOf(name);
    if (!template || !isAdmitted(admissionOf(template), person)) return undefined;
    if (!api || planOffer(api, template, this.#scope) !== "offered") return undefined;
    const { displayName, description, icon, documentationURL, APIServiceSelector, permissionClaims } = template.spec;
    const { version } = APIServiceSelector;
    return {
      api,
      title: displayName || api.singular,
      about: description || api.description,
      icon,
      documentationUrl: documentationURL,
      versions: version ? [version] : api.versions,
      claims: permissionClaims ?? [],
    };
  }

  /**
   * As `find`, where somebody asks for it.
   *
   * @throws {Refusal} in the same words, whether there is no such offer or it is not for this person
   */
  get(name: string, person: Person): Offer {
    const offer = this.find(name, person);
    if (offer) return offer;
    throw new Refusal(404, "Not on offer", `This provider does not offer "${name}" to you, or not any more.`);
  }

  /** The template that counts for an API: the oldest, should there be several. */
  templateOf(name: string): APIServiceExportTemplate | undefined {
    return this.#templates.by(TEMPLATES_BY_API, name).toSorted(byAge)[0];
  }

  /** Keys of the templates for some that admit this person: those who have them in common are offered the same. */
  admittingTemplates(person: Person): string[] {
    const admitting: string[] = [];
    for (const template of this.#templates.list()) {
      const { allowedGroups, allowedUsers } = template.spec;
      const isForSome = allowedGroups?.length || allowedUsers?.length;
      if (isForSome && isAdmitted(admissionOf(template), person)) admitting.push(formatKey(keyOf(template)));
    }
    return admitting;
  }

  /** Groups that decide who may bind something. */
  admittedGroups(): Set<string> {
    return new Set([...this.#templates.list()].flatMap(({ spec }) => spec.allowedGroups ?? []));
  }
}

/** Oldest first; timestamps have whole seconds, so the names decide among equals. */
function byAge({ metadata: a }: APIServiceExportTemplate, { metadata: b }: APIServiceExportTemplate): number {
  const orderOf = (meta: typeof a) => `${meta.creationTimestamp} ${meta.namespace}/${meta.name}`;
  return orderOf(a) < orderOf(b) ? -1 : 1;
}
