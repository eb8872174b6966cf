import type { APIServiceBinding } from "../../crds/api_service_binding.ts";
import { BINDING_FINALIZER, ON_UNBIND_ANNOTATION, SYNC_FINALIZER } from "../../crds/names.ts";
import type { Api } from "../../kube/api.ts";
import type { KubeClient } from "../../kube/client.ts";
import { systemClock } from "../../kube/clock.ts";
import { Deadline } from "../../kube/deadline.ts";
import { isConflict, isNotServed } from "../../kube/errors.ts";
import { removeFinalizer } from "../../kube/finalizer.ts";
import { counted } from "../../kube/plural.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition } from "../../kube/resources.ts";
import { type DynamicObject, formatKey, isDeleting, keyOf, type KubeObject, type ObjectKey } from "../../kube/types.ts";
import { isOurs, releasedCrd } from "../../sync/consumer_crd.ts";
import type { BindingApi } from "../api_service_binding.ts";
import { formatDuration } from "../duration.ts";
import type { Terminal } from "../terminal.ts";
import { waitForObject, type WaitOptions, WaitTimeoutError } from "../wait.ts";
import type { UnbindMode } from "./plan.ts";
import { heldByUs, names, type Survey } from "./survey.ts";

interface LetGoDeps {
  appCluster: KubeClient;
  bindingApi: BindingApi;
  terminal: Terminal;
  /** One that is there does most of the work. */
  hasKonnector: boolean;
  waitTimeoutMs: number;
}

/**
 * Does what the plan of this mode says; may be run again after it was interrupted anywhere. A konnector lets go of the
 * binding when it has done its part, and only then stops to hold objects; where there is none, the binding goes last.
 */
export async function letGo(deps: LetGoDeps, before: Survey, mode: UnbindMode, signal: AbortSignal): Promise<void> {
  const { binding } = before;
  if (mode === "drain") await drain(deps, before, signal);
  if (binding) await deleteBinding(deps, binding, mode, signal);
  const heir = await findHeir(deps.bindingApi, before, signal);
  if (heir) deps.terminal.say(`ℹ️ Objects and CRD stay with APIServiceBinding ${heir}, which has the API now`);
  else await letGoOfApi(deps, before, signal);
  if (binding && !deps.hasKonnector) await releaseBinding(deps, binding, signal);
}

/** A binding by which the API is bound as well, made meanwhile or in another namespace. */
async function findHeir(
  bindingApi: BindingApi,
  { name, binding }: Survey,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { items } = await bindingApi.list({ fieldSelector: `metadata.name=${name}` }, signal);
  const heir = items.find(({ metadata }) => metadata.uid !== binding?.metadata.uid);
  return heir && formatKey(keyOf(heir));
}

async function letGoOfApi(deps: LetGoDeps, before: Survey, signal: AbortSignal): Promise<void> {
  const left = await releaseObjects(deps, before, signal);
  if (left === 0 && before.crd) await deleteCrd(deps, before.crd, signal);
}

async function deleteCrd(
  { appCluster, terminal, waitTimeoutMs }: LetGoDeps,
  { metadata: { name, uid } }: CustomResourceDefinition,
  signal: AbortSignal,
): Promise<void> {
  const crds = appCluster.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS);
  await crds.delete({ name }, { uid }, signal);
  await untilGone(crds, { name }, uid, { timeoutMs: waitTimeoutMs, goal: `see CRD ${name} go` }, signal);
  terminal.say(`✅ Deleted CRD ${name}`);
}

/** Waits until this object is gone; one of the same name made later is another one. */
const untilGone = <T extends KubeObject>(
  api: Api<T>,
  key: ObjectKey,
  uid: string | undefined,
  options: WaitOptions,
  signal: AbortSignal,
): Promise<true> => waitForObject(api, key, (found) => found?.metadata.uid === uid ? undefined : true, options, signal);

const LOOK_EVERY_MS = 500;

/** Deletes the user's objects; each stays until the provider's is really gone. */
async function drain(
  { terminal, waitTimeoutMs }: LetGoDeps,
  { consumerApi, objects }: Survey,
  signal: AbortSignal,
): Promise<void> {
  if (!consumerApi || objects.length === 0) return;
  for (const object of objects) {
    if (!isDeleting(object)) await consumerApi.delete(keyOf(object), { uid: object.metadata.uid }, signal);
  }
  using deadline = new Deadline(waitTimeoutMs, signal);
  let told: number | undefined;
  while (true) {
    const items = await listServed(consumerApi, signal);
    if (items.length === 0) break;
    if (deadline.signal.aborted) {
      const left = names(items).slice(0, 3).join(", ");
      throw new WaitTimeoutError(
        `Cannot drain within ${formatDuration(waitTimeoutMs)}: ${counted(items.length, "object")} left (${left}); ` +
          "`kubectl klutch explain` says what each waits for, and unbind can be run again",
      );
    }
    if (items.length !== told) {
      terminal.say(`   Waiting for the provider to delete ${items.length} of ${objects.length}`);
    }
    told = items.length;
    await systemClock.sleep(LOOK_EVERY_MS, signal);
  }
  terminal.say(`✅ Deleted ${counted(objects.length, "object")} here and on the provider`);
}

/** Deletes the binding, and waits until a konnector has let go of it. */
async function deleteBinding(
  deps: LetGoDeps,
  binding: APIServiceBinding,
  mode: UnbindMode,
  signal: AbortSignal,
): Promise<void> {
  const key = keyOf(binding);
  const { uid } = binding.metadata;
  const annotations = { [ON_UNBIND_ANNOTATION]: mode };
  await deps.bindingApi.mergePatch(key, { metadata: { uid, annotations } }, {}, signal);
  if (!deps.bindingApi.resource.namespaced) await disownCrd(deps, binding, signal);
  await deps.bindingApi.delete(key, { uid }, signal);
  if (deps.hasKonnector) await untilBindingGone(deps, binding, [], signal);
}

/** Of a cluster-scoped owner, which bindings of Klutch up to 1.5 are, the garbage collector would delete it with all objects. */
async function disownCrd({ appCluster }: LetGoDeps, binding: APIServiceBinding, signal: AbortSignal): Promise<void> {
  const crds = appCluster.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS);
  const crd = await crds.find({ name: binding.metadata.name }, signal);
  const released = crd && isOurs(crd, binding) ? releasedCrd(crd, binding) : undefined;
  if (released) await crds.replace(released, signal);
}

/** Does what a konnector would; finalizers of others they have to remove themselves. */
async function releaseBinding(deps: LetGoDeps, binding: APIServiceBinding, signal: AbortSignal): Promise<void> {
  await untilBindingGone(deps, binding, await removeOurFinalizer(deps.bindingApi, binding, signal), signal);
}

/** @param holders its finalizers that are not ours */
async function untilBindingGone(
  { bindingApi, terminal, waitTimeoutMs }: LetGoDeps,
  binding: APIServiceBinding,
  holders: string[],
  signal: AbortSignal,
): Promise<void> {
  const key = keyOf(binding);
  const { uid } = binding.metadata;
  const goal = `see APIServiceBinding ${key.name} go` + (holders.length > 0 ? `, held by ${holders.join(", ")},` : "");
  await untilGone(bindingApi, key, uid, { timeoutMs: waitTimeoutMs, goal }, signal);
  terminal.say(`✅ Deleted APIServiceBinding ${key.name}`);
}

const MAX_CONFLICTS = 5;

/** @returns those of others */
async function removeOurFinalizer(
  bindingApi: BindingApi,
  binding: APIServiceBinding,
  signal: AbortSignal,
): Promise<string[]> {
  for (let attempt = 1;; attempt++) {
    const found = await bindingApi.find(keyOf(binding), signal);
    if (!found || found.metadata.uid !== binding.metadata.uid) return [];
    try {
      await removeFinalizer(bindingApi, found, BINDING_FINALIZER, signal);
      return (found.metadata.finalizers ?? []).filter((name) => name !== BINDING_FINALIZER);
    } catch (error) {
      if (!isConflict(error) || attempt >= MAX_CONFLICTS) throw error;
    }
  }
}

/** A konnector that still works may put its finalizer back while it learns that the binding is gone. */
const RELEASE_ROUNDS = 10;
const ROUND_MS = 1_000;

/**
 * A konnector has done so already, unless there is none, or it is one that leaves its finalizers behind.
 *
 * @returns how many objects there are
 */
async function releaseObjects({ terminal }: LetGoDeps, { consumerApi }: Survey, signal: AbortSignal): Promise<number> {
  if (!consumerApi) return 0;
  const released = new Set<string>();
  for (let round = 1;; round++) {
    const objects = await listServed(consumerApi, signal);
    const held = round > RELEASE_ROUNDS ? [] : heldByUs(objects);
    if (held.length === 0) {
      if (released.size > 0) terminal.say(`✅ Released ${counted(released.size, "object")} from the finalizer`);
      return objects.length;
    }
    for (const object of held) {
      try {
        await removeFinalizer(consumerApi, object, SYNC_FINALIZER, signal);
        released.add(object.metadata.uid!);
      } catch (error) {
        if (!isConflict(error)) throw error; // the next round sees it as it is then
      }
    }
    await systemClock.sleep(ROUND_MS, signal);
  }
}

/** None where the kind is not served any more. */
async function listServed(api: Api, signal: AbortSignal): Promise<DynamicObject[]> {
  try {
    return (await api.list({}, signal)).items;
  } catch (error) {
    if (isNotServed(error)) return [];
    throw error;
  }
}
