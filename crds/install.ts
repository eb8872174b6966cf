import type { Api } from "../kube/api.ts";
import type { KubeClient } from "../kube/client.ts";
import { systemClock } from "../kube/clock.ts";
import { isForbidden, KubeError } from "../kube/errors.ts";
import type { Log } from "../kube/log.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition } from "../kube/resources.ts";
import { untilReachable } from "../kube/until_reachable.ts";
import { annotationOf, apiVersionOf, isDeleting, type Resource, resourceName } from "../kube/types.ts";
import { toCrd } from "./crd.ts";
import type { Kind } from "./kind.ts";
import { CREATE_ONLY_ANNOTATION } from "./names.ts";
import { sameCrdSpec } from "./same_crd.ts";

type CrdApi = Api<CustomResourceDefinition>;

/**
 * Makes a cluster serve these kinds as they are published, and returns once it does. A CRD that already is as it should
 * be is not written; one that may not be written, or carries the create-only annotation, is used as it is. Whatever
 * else fails is logged and tried again until it works.
 *
 * @returns the resources as the cluster serves them, in the order of `kinds`: Klutch up to 1.5 made APIServiceBinding
 * cluster-scoped, and the scope of a CRD cannot be changed
 * @throws {KubeError} when the API server refuses a CRD as invalid, which only another version of either can change
 */
export async function installCrds(
  client: KubeClient,
  kinds: readonly Kind[],
  log: Log,
  signal: AbortSignal,
): Promise<Resource[]> {
  const api: CrdApi = client.api(CUSTOM_RESOURCE_DEFINITIONS);
  const resources: Resource[] = [];
  for (const kind of kinds) {
    const attempt = async () => {
      await install(api, toCrd(kind), log, signal);
      return await awaitServed(api, kind, signal);
    };
    const waitingFor = `CRD ${resourceName(kind.resource)}`;
    resources.push(await untilReachable(attempt, { waitingFor, log }, signal));
  }
  return resources;
}

async function install(api: CrdApi, wanted: CustomResourceDefinition, log: Log, signal: AbortSignal): Promise<void> {
  const { name } = wanted.metadata;
  const actual = await api.find({ name }, signal);
  if (!actual) {
    await api.create(wanted, signal);
    log.info("CRD created", { crd: name });
    return;
  }
  if (isDeleting(actual)) throw new KubeError(`CustomResourceDefinition "${name}" is being deleted`, { status: 409 });
  const { scope } = actual.spec;
  const spec = { ...wanted.spec, scope };
  if (scope !== wanted.spec.scope) log.warn("CRD keeps the scope of an older version", { crd: name, scope });
  if (sameCrdSpec(actual.spec, spec)) return;
  if (annotationOf(actual, CREATE_ONLY_ANNOTATION) !== undefined) {
    log.info("CRD differs from this version, but is left alone as its annotation says", { crd: name });
    return;
  }
  try {
    await api.replace({ ...actual, spec }, signal);
    log.info("CRD updated", { crd: name });
  } catch (error) {
    if (!isForbidden(error)) throw error;
    log.warn("CRD differs from this version, but may not be updated; apply the published one", { crd: name, error });
  }
}

const POLL_MS = 100;
const POLLS = 100;

async function awaitServed(api: CrdApi, { resource }: Kind, signal: AbortSignal): Promise<Resource> {
  const key = { name: resourceName(resource) };
  let obstacle = "";
  for (let poll = 0; poll < POLLS; poll++) {
    if (poll > 0) await systemClock.sleep(POLL_MS, signal);
    const { spec, status } = await api.get(key, signal);
    const refused = status?.conditions?.find((condition) => condition.status === "False");
    obstacle = refused?.message ? `: ${refused.message}` : "";
    const established = status?.conditions?.some(({ type, status }) => type === "Established" && status === "True");
    if (established && await isServed(api.client, resource, signal)) {
      return { ...resource, namespaced: spec.scope === "Namespaced" };
    }
  }
  const seconds = (POLL_MS * POLLS) / 1000;
  throw new KubeError(`CustomResourceDefinition "${key.name}" is not established after ${seconds} s${obstacle}`, {
    status: 404,
  });
}

/** Right after a CRD is established, some requests are still answered with 404. */
async function isServed(client: KubeClient, resource: Resource, signal: AbortSignal): Promise<boolean> {
  try {
    await client.request("GET", `/apis/${apiVersionOf(resource)}/${resource.plural}`, { query: { limit: 1 } }, signal);
    return true;
  } catch (error) {
    if (isForbidden(error)) return true; // who may not list will not notice either
    if (error instanceof KubeError && error.status === 404) return false;
    throw error;
  }
}
