import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import type { APIServiceExport } from "../crds/api_service_export.ts";
import type { Informer } from "../kube/informer.ts";
import { deepEqual } from "../kube/json.ts";
import { patchStatus } from "../kube/status.ts";
import type { ClaimPart } from "./claim_status.ts";
import type { Connection } from "./connection.ts";
import { type ConsumerState, exportStatus } from "./export_status.ts";

/** Writes what a binding's status should say, if it does not say it already. */
export async function writeStatus(
  bindings: Informer<APIServiceBinding>,
  binding: APIServiceBinding,
  { conditions, claims }: ClaimPart,
  connection: Connection | undefined,
  signal: AbortSignal,
): Promise<void> {
  const clusterBinding = [...connection?.clusterBindings.store.list() ?? []][0];
  const providerPrettyName = clusterBinding?.spec.providerPrettyName ?? binding.status?.providerPrettyName;
  const status = { ...binding.status, ...(providerPrettyName && { providerPrettyName }), conditions, claims };
  if (deepEqual(status, binding.status)) return;
  await patchStatus(bindings.api, binding, status, signal);
}

/**
 * Tells the provider what has become of its export, if it does not know already.
 *
 * @param consumer absent when no binding is about the export
 */
export async function writeExportStatus(
  { exports }: Connection,
  exported: APIServiceExport,
  consumer: ConsumerState | undefined,
  now: Date,
  signal: AbortSignal,
): Promise<void> {
  const status = exportStatus(exported, consumer, now);
  if (deepEqual(status, exported.status)) return;
  await patchStatus(exports.api, exported, status, signal);
}
