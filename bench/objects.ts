import { BOUND_ANNOTATION, FIELD_MANAGER, SYNC_FINALIZER } from "../crds/names.ts";
import { type DynamicObject, keyOf } from "../kube/types.ts";
import { database, databaseStatus } from "./bench_api.ts";
import { parallel } from "../kube/parallel.ts";
import type { Side, Sides } from "./sides.ts";

/** What a user does: one create per object. */
export function create({ people, namespace }: Side, name: string, signal: AbortSignal): Promise<DynamicObject> {
  return people.create(database({ namespace, name }), signal);
}

const BOUND = { [BOUND_ANNOTATION]: "true" };

const hold = ({ consumer: { agent, namespace } }: Sides, name: string, signal: AbortSignal) =>
  agent.mergePatch({ namespace, name }, { metadata: { finalizers: [SYNC_FINALIZER], annotations: BOUND } }, {}, signal);

function copyOf({ provider: { namespace } }: Sides, name: string): DynamicObject {
  const copy = database({ namespace, name });
  return { ...copy, metadata: { ...copy.metadata, annotations: BOUND } };
}

/** The least that any konnector has to write for a new object: one patch on the consumer, one create on the provider. */
export async function pair(sides: Sides, name: string, signal: AbortSignal): Promise<void> {
  const { provider } = sides;
  await Promise.all([hold(sides, name, signal), provider.agent.create(copyOf(sides, name), signal)]);
}

/** The same, so that a konnector finds it as if it had made it itself: it owns the fields on the provider. */
export async function settledPair(sides: Sides, name: string, signal: AbortSignal): Promise<void> {
  await hold(sides, name, signal);
  await sides.provider.agent.apply(copyOf(sides, name), { fieldManager: FIELD_MANAGER, force: true }, signal);
}

/** What an operator does: one patch of the status. */
export function writeStatus(
  { people, namespace }: Side,
  name: string,
  phase: string,
  signal: AbortSignal,
): Promise<DynamicObject> {
  const status = databaseStatus(name, phase);
  return people.mergePatch({ namespace, name }, { status }, { subresource: "status" }, signal);
}

/** The least that any konnector has to write for a new status. */
export function copyStatus({ consumer }: Sides, name: string, phase: string, signal: AbortSignal) {
  const key = { namespace: consumer.namespace, name };
  const status = databaseStatus(name, phase);
  return consumer.agent.mergePatch(key, { status }, { subresource: "status" }, signal);
}

export const hasPhase = (phase: string) => ({ status }: DynamicObject): boolean =>
  (status as { phase?: string } | undefined)?.phase === phase;

/** Removes all objects on both sides. A konnector that saw this happen would have its own idea of it. */
export async function wipe({ consumer, provider }: Sides, concurrency: number, signal: AbortSignal): Promise<void> {
  for (const { people, namespace } of [consumer, provider]) {
    for await (const { items } of people.listPages({ namespace }, signal)) {
      await parallel(items, concurrency, async (object, signal) => {
        if (object.metadata.finalizers?.length) {
          await people.mergePatch(keyOf(object), { metadata: { finalizers: null } }, {}, signal);
        }
        await people.delete(keyOf(object), {}, signal);
      }, signal);
    }
  }
}
