import type { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import { CLUSTER_BINDING_NAME } from "../crds/names.ts";
import { groupResourceName } from "../crds/shared.ts";
import type { Change } from "../kube/informer.ts";
import { deepEqual } from "../kube/json.ts";
import { BY_NAMESPACE } from "../kube/store.ts";
import { type KubeObject, type ObjectKey, parseKey } from "../kube/types.ts";
import { TEMPLATES_BY_API } from "./catalogue.ts";
import { REQUESTS_BY_API } from "./export_request.ts";
import type { ProviderCaches } from "./provider_caches.ts";
import { clusterNamespaceOfRole } from "./rbac.ts";
import { EXPORTS_BY_NAME, onStagesChange } from "./schema_rollout.ts";
import { mappedKeyOf } from "./service_namespace_plan.ts";

// Which changes make each controller look at which of its keys.

/** Puts a key into the queue of a controller. */
export type Add = (key: ObjectKey, change: { fresh: boolean }, afterMs?: number) => void;

/** Adds what one controller has to look at, now and with every change, until the signal fires. */
export type Subscribe = (caches: ProviderCaches, add: Add, signal: AbortSignal) => void;

/** What many exports have to tell comes together. */
const EXPORT_NEWS_MS = 1_000;
/** So does what happens to a contract in its first moments: each look at its credential is a request. */
const CREDENTIAL_NEWS_MS = 1_000;

export const subscribeExports: Subscribe = (caches, add, signal) => {
  const { exports } = caches;
  const addAll = (api: string, change: Change<unknown>, afterMs?: number) => {
    for (const key of exports.store.keysBy(EXPORTS_BY_NAME, api)) add(key, change, afterMs);
  };
  exports.subscribe((change) => add(change.key, change), signal);
  onOfferChange(caches, addAll, signal);
  onStagesChange(caches, (api, change) => addAll(api, change, EXPORT_NEWS_MS), signal);
};

export const subscribeRequests: Subscribe = (caches, add, signal) => {
  const { requests } = caches;
  requests.subscribe((change) => add(change.key, change), signal);
  onOfferChange(caches, (api, change) => {
    for (const key of requests.store.keysBy(REQUESTS_BY_API, api)) add(key, change);
  }, signal);
};

export const subscribeTemplates: Subscribe = (caches, add, signal) => {
  const { templates, apis, exports, snapshots } = caches;
  const addAll = (api: string, change: Change<unknown>, afterMs?: number) => {
    for (const key of templates.store.keysBy(TEMPLATES_BY_API, api)) add(key, change, afterMs);
  };
  templates.subscribe((change) => {
    for (const api of apisOf(change)) addAll(api, change);
  }, signal);
  apis.subscribe((change) => addAll(change.key.name, change), signal);
  exports.subscribe((change) => addAll(change.key.name, change, EXPORT_NEWS_MS), signal);
  onStagesChange(caches, (api, change) => addAll(api, change, EXPORT_NEWS_MS), signal);
  snapshots.subscribe(({ before, after, fresh }) => {
    const { template } = after ?? before!;
    add(parseKey(template), { fresh });
  }, signal);
};

export const subscribeChecks: Subscribe = ({ templates }, add, signal) =>
  templates.subscribe((change) => add(change.key, change), signal);

export const subscribeBindings: Subscribe = (caches, add, signal) => {
  const { clusterBindings, exports, namespaces, roleBindings, clusterRoles, clusterRoleBindings } = caches;
  const addIn = (namespace: string | undefined, change: Change<unknown>) => {
    const key = { namespace, name: CLUSTER_BINDING_NAME };
    if (clusterBindings.store.get(key)) add(key, change);
  };
  const addOf = (change: Change<KubeObject>) => {
    const namespace = clusterNamespaceOfRole(change.key.name);
    if (namespace) addIn(namespace, change);
  };
  clusterBindings.subscribe((change) => add(change.key, change), signal);
  exports.subscribe((change) => addIn(change.key.namespace, change), signal);
  namespaces.subscribe((change) => addIn(change.key.name, change), signal);
  roleBindings.subscribe((change) => addIn(change.key.namespace, change), signal);
  for (const roles of [clusterRoles, clusterRoleBindings]) roles.subscribe(addOf, signal);
};

export const subscribeCredentials: Subscribe = ({ clusterBindings, legacyTokens }, add, signal) => {
  clusterBindings.subscribe((change) => add(change.key, change, CREDENTIAL_NEWS_MS), signal);
  legacyTokens.subscribe((change) => {
    add({ namespace: change.key.namespace, name: CLUSTER_BINDING_NAME }, change);
  }, signal);
};

export const subscribeMappings: Subscribe = (caches, add, signal) => {
  const { serviceNamespaces, exports, namespaces, roleBindings, claimsRoles, claimsRoleBindings } = caches;
  const addOf = (namespace: KubeObject | undefined, change: Change<unknown>) => {
    const key = namespace && mappedKeyOf(namespace);
    if (key) add(key, change);
  };
  serviceNamespaces.subscribe((change) => add(change.key, change), signal);
  exports.subscribe((change) => {
    for (const key of serviceNamespaces.store.keysBy(BY_NAMESPACE, change.key.namespace!)) add(key, change);
  }, signal);
  namespaces.subscribe((change) => {
    addOf(change.before, change);
    addOf(change.after, change);
  }, signal);
  for (const rights of [roleBindings, claimsRoles, claimsRoleBindings]) {
    const onChange = (change: Change<KubeObject>) =>
      addOf(namespaces.store.get({ name: change.key.namespace! }), change);
    rights.subscribe(onChange, signal);
  }
};

/** Calls `listener` for each API whose CRD has changed, or what exports and requests go by in a template. */
function onOfferChange(
  { apis, templates }: ProviderCaches,
  listener: (api: string, change: Change<unknown>) => void,
  signal: AbortSignal,
): void {
  apis.subscribe((change) => listener(change.key.name, change), signal);
  templates.subscribe((change) => {
    if (deepEqual(decisiveOf(change.before), decisiveOf(change.after))) return;
    for (const api of apisOf(change)) listener(api, change);
  }, signal);
}

/** What a template offers, and has offered before. */
const apisOf = ({ before, after }: Change<APIServiceExportTemplate>): Set<string> =>
  new Set([before, after].flatMap((template) => template ? [groupResourceName(template.spec.APIServiceSelector)] : []));

/** The rest of a template's status counts exports, and changes with each of them. */
function decisiveOf(template: APIServiceExportTemplate | undefined) {
  if (!template) return undefined;
  const { metadata: { annotations, labels, deletionTimestamp }, spec, status } = template;
  return { annotations, labels, deletionTimestamp, spec, impact: status?.schema?.impact };
}
