import type { APIServiceExport } from "../crds/api_service_export.ts";
import { APIServiceExportRequest } from "../crds/api_service_export_request.ts";
import { check } from "../crds/check.ts";
import { groupResourceName } from "../crds/shared.ts";
import type { Outcome } from "../kube/controller.ts";
import { isAlreadyExists, isUnreachable, KubeError } from "../kube/errors.ts";
import type { Informer } from "../kube/informer.ts";
import type { Log } from "../kube/log.ts";
import type { CustomResourceDefinition, Namespace } from "../kube/resources.ts";
import { patchStatus } from "../kube/status.ts";
import { isDeleting, keyOf, type ObjectKey } from "../kube/types.ts";
import type { Catalogue, ServedApi } from "./catalogue.ts";
import { atVersion, type CrdSource } from "./crd_source.ts";
import {
  newExport,
  type Obstacle,
  planAnswer,
  planCleanup,
  planExport,
  type RequestedApi,
} from "./export_request_plan.ts";
import type { ConsumerScope, Isolation } from "./options.ts";
import { personOf } from "./person.ts";
import type { Snapshots } from "./schema_snapshots.ts";

export interface ExportRequestDeps {
  requests: Informer<APIServiceExportRequest>;
  namespaces: Informer<Namespace>;
  exports: Informer<APIServiceExport>;
  apis: Informer<CustomResourceDefinition, ServedApi>;
  catalogue: Catalogue;
  source: CrdSource;
  snapshots: Snapshots;
  consumerScope: ConsumerScope;
  clusterScopedIsolation: Isolation;
  log: Log;
  now?: () => Date;
}

/** Index of requests by the APIs they name. */
export const REQUESTS_BY_API = "api";
export const requestIndexers = {
  [REQUESTS_BY_API]: ({ spec }: APIServiceExportRequest): string[] => spec?.resources?.map(groupResourceName) ?? [],
};

/** Answers one request by making its exports; what is in the way for a minute is its answer. */
export async function reconcileExportRequest(
  deps: ExportRequestDeps,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<Outcome> {
  const { requests, log, now = () => new Date() } = deps;
  const request = requests.store.get(key);
  if (!request || isDeleting(request)) return;
  check(APIServiceExportRequest.schema, request);

  const { phase = "Pending" } = request.status ?? {};
  if (phase !== "Pending") {
    const cleanup = planCleanup(request, now());
    if (cleanup !== "delete") return cleanup;
    await requests.api.delete(key, { uid: request.metadata.uid }, signal);
    return log.info("answered export request cleaned up", { request: key });
  }
  const inTheWay = await ensureExports(deps, request, signal);
  const { status, requeueAfterMs } = planAnswer(request, inTheWay, now());
  if (status) {
    await patchStatus(requests.api, request, status, signal);
    const { phase } = status;
    log.info("export request answered", { request: key, phase, ...(inTheWay && { why: inTheWay.what }) });
  }
  return { requeueAfterMs };
}

/** @returns what is in the way of the first API that cannot be exported; those before it are exported */
async function ensureExports(
  deps: ExportRequestDeps,
  request: APIServiceExportRequest,
  signal: AbortSignal,
): Promise<Obstacle | undefined> {
  const namespace = request.metadata.namespace!;
  const contract = deps.namespaces.store.get({ name: namespace });
  const person = contract && personOf(contract);
  for (const resource of request.spec.resources) {
    const name = groupResourceName(resource);
    const requested: RequestedApi = {
      name,
      api: deps.apis.store.get({ name }),
      template: deps.catalogue.templateOf(name),
      person,
      export: deps.exports.store.get({ namespace, name }),
    };
    const plan = planExport(requested, deps.consumerScope);
    if (plan === "exported") continue;
    const inTheWay = plan === "export" ? await createExport(deps, namespace, requested, signal) : plan;
    if (inTheWay) return inTheWay;
  }
}

async function createExport(
  { exports, source, snapshots, log, ...options }: ExportRequestDeps,
  namespace: string,
  { api, template }: RequestedApi,
  signal: AbortSignal,
): Promise<Obstacle | undefined> {
  const made = atVersion(await source.get(api!, signal), template!.spec.APIServiceSelector.version);
  if ("problem" in made) return { reason: "CRDInvalid", what: made.problem };
  const spec = await snapshots.target(template, signal) ?? made.spec;
  const wanted = newExport(namespace, spec, template!.spec, options);
  try {
    await exports.api.create(wanted, signal);
    log.info("API exported", { export: keyOf(wanted) });
  } catch (error) {
    if (!(error instanceof KubeError) || isUnreachable(error)) throw error;
    if (isAlreadyExists(error)) return undefined;
    return { reason: error.status === 422 ? "CRDInvalid" : "ExportNotCreated", what: error.message };
  }
}
