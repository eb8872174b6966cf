import { BINDING_FINALIZER } from "../crds/names.ts";
import { findCondition } from "../kube/conditions.ts";
import type { Outcome } from "../kube/controller.ts";
import { Deadline } from "../kube/deadline.ts";
import { isConflict } from "../kube/errors.ts";
import { removeFinalizer } from "../kube/finalizer.ts";
import { formatKey, keyOf } from "../kube/types.ts";
import type { BindingDeps } from "./binding.ts";
import { type BindingPlan, type BindingView, withCondition } from "./binding_plan.ts";
import { writeExportStatus, writeStatus } from "./binding_status.ts";
import { closeSync, followClaims, followSync } from "./binding_sync.ts";
import type { Connection } from "./connection.ts";
import { unbind } from "./unbind.ts";
import type { UnbindMode } from "./unbind_plan.ts";

/** How soon what an unbinding waits for is looked at again: not at once, where there are many objects to look at. */
const UNBIND_CHECK_MS = 1_000;
const UNBIND_CHECK_MS_PER_OBJECT = 1;
/** A provider that is gone for good may not even refuse to answer. */
const TELL_WITHIN_MS = 5_000;

/** A binding that is being deleted, and what is known about it. */
interface Ending extends Omit<BindingView, "connection"> {
  connection?: Connection;
  plan: BindingPlan;
  mode: UnbindMode;
}

/** One pass over the end of a binding: lets its API go, says what that waits for, and at last lets the binding go. */
export async function endBinding(deps: BindingDeps, ending: Ending, signal: AbortSignal): Promise<Outcome> {
  const { binding, rival, plan, mode, connection } = ending;
  const id = formatKey(keyOf(binding));
  let { conditions } = plan;
  let claims = binding.status?.claims;
  if (mode === "drain") {
    await followSync(deps, id, plan.sync, connection);
    ({ conditions, claims } = followClaims(deps, binding, plan, connection));
  } else {
    deps.claims.release(id);
    if (mode === "force" || !deps.syncs.get(id)?.definition.onlyDeletions) await closeSync(deps, id);
  }
  const unbinding = {
    binding,
    mode,
    consumer: deps.consumer,
    isSyncing: deps.syncs.get(id)?.isOpen ?? false,
    obstacle: obstacleTo(plan),
    log: deps.log,
  };
  const awaited = rival ? undefined : await unbind(unbinding, signal);
  if (awaited) {
    if (mode === "orphan") {
      await followSync(deps, id, plan.sync && { ...plan.sync, onlyDeletions: true }, connection);
    }
    conditions = withCondition(conditions, awaited.condition, deps.now());
    await writeStatus(deps.bindings, binding, { conditions, claims }, connection, signal);
    return { requeueAfterMs: Math.max(UNBIND_CHECK_MS, awaited.objects * UNBIND_CHECK_MS_PER_OBJECT) };
  }
  if (mode !== "force" && connection && !connection.isSynced && !connection.trouble) {
    return { requeueAfterMs: UNBIND_CHECK_MS }; // its provider is about to hear of it
  }
  await closeSync(deps, id);
  if (!rival) await tellExport(deps, ending, signal);
  await removeFinalizer(deps.bindings.api, binding, BINDING_FINALIZER, signal);
  deps.log.info("binding let go", { binding: id, mode });
}

/** Why objects cannot be deleted on the provider: the first of the conditions on the way there that does not hold. */
function obstacleTo({ conditions }: BindingPlan): string | undefined {
  const broken = ["SecretValid", "InformersSynced", "Connected"]
    .flatMap((type) => findCondition(conditions, type) ?? [])
    .find(({ status }) => status === "False");
  return broken && `${broken.type} is False: ${broken.reason}`;
}

/** A provider that cannot be told will not keep anybody from leaving it. */
async function tellExport(deps: BindingDeps, { connection, export: exported }: Ending, signal: AbortSignal) {
  if (!connection || connection.trouble || !exported) return;
  using deadline = new Deadline(TELL_WITHIN_MS, signal);
  try {
    await writeExportStatus(connection, exported, undefined, deps.now(), deadline.signal);
  } catch (error) {
    if (signal.aborted || isConflict(error)) throw error;
    deps.log.warn("the provider was not told that its API is not bound any more", { error });
  }
}
