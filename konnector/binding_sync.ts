import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import { formatKey, keyOf, parseKey } from "../kube/types.ts";
import { leavingClaims } from "../sync/claim_definitions.ts";
import { judgeClaims } from "../sync/claim_judgement.ts";
import type { SyncDefinition } from "../sync/definition.ts";
import { letsOrphansGo } from "../sync/instance_plan.ts";
import type { BindingDeps } from "./binding.ts";
import type { BindingPlan, BindingView } from "./binding_plan.ts";
import { type ClaimPart, claimStatus } from "./claim_status.ts";
import type { Connection } from "./connection.ts";

/** What a sync has to tell about many objects comes together. */
const SYNC_NEWS_MS = 500;

/** Starts, restarts or ends the sync of the binding's objects. */
export async function followSync(
  deps: BindingDeps,
  id: string,
  sync: SyncDefinition | undefined,
  connection: Connection | undefined,
): Promise<void> {
  const running = deps.syncs.get(id);
  const mayDeleteOrphans = () => mayDeleteOrphansOf(deps, id);
  if (sync && connection && running?.matches(sync, connection)) {
    if (mayDeleteOrphans()) running.reviewOrphans();
    return;
  }
  await closeSync(deps, id);
  if (sync && connection) {
    deps.syncs.set(id, deps.openSync(connection, sync, { wake: () => deps.wake(id, SYNC_NEWS_MS), mayDeleteOrphans }));
  }
}

/** Claims are in effect while instances are synced, and as long. */
export function followClaims(
  deps: BindingDeps,
  binding: APIServiceBinding,
  { sync, conditions }: BindingPlan,
  connection: Connection | undefined,
): ClaimPart {
  const id = formatKey(keyOf(binding));
  const isRunning = connection !== undefined && deps.syncs.get(id)?.connection === connection;
  if (!sync || !connection) {
    if (!isRunning) deps.claims.release(id);
    return { conditions, claims: binding.status?.claims };
  }
  const bound = new Set(Array.from(deps.bindings.store.keys(), ({ name }) => name));
  const judgement = judgeClaims(binding, bound);
  const { effective } = judgement;
  const leaving = leavingClaims(binding, effective);
  deps.claims.follow(id, { connection, effective, leaving, mayDeleteOrphans: letsOrphansGo(binding) });
  return claimStatus(binding, conditions, judgement, deps.claims.outcomes(id), deps.now());
}

/** What the syncs have to tell of the objects that a binding is about. */
export function syncNewsOf({ syncs, claims }: BindingDeps, id: string): Pick<BindingView, "orphans" | "readTrouble"> {
  const sync = syncs.get(id);
  const [own, copies] = [sync?.orphans, claims.orphans(id)];
  return { orphans: own && copies && [...own, ...copies], readTrouble: sync?.trouble };
}

/** As the binding says now, not as it said when its sync began. */
function mayDeleteOrphansOf({ bindings }: BindingDeps, id: string): boolean {
  const binding = bindings.store.get(parseKey(id));
  return binding !== undefined && letsOrphansGo(binding);
}

export async function closeSync({ syncs }: BindingDeps, id: string): Promise<void> {
  const running = syncs.get(id);
  syncs.delete(id);
  await running?.[Symbol.asyncDispose]();
}
