import type { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import { type Impact, impactOf, removeLeftCopies } from "../crds/compatibility/impact.ts";
import { sourceSpecHash, toCrdOfExport } from "../crds/export_schema.ts";
import { groupResourceName } from "../crds/shared.ts";
import type { KubeClient } from "../kube/client.ts";
import type { Outcome } from "../kube/controller.ts";
import { isUnreachable, KubeError } from "../kube/errors.ts";
import type { Informer } from "../kube/informer.ts";
import type { Log } from "../kube/log.ts";
import type { CustomResourceDefinition } from "../kube/resources.ts";
import { isDeleting, type ObjectKey } from "../kube/types.ts";
import type { ServedApi } from "./catalogue.ts";
import { atVersion, type CrdSource } from "./crd_source.ts";
import { EXPORTS_BY_NAME, type RolloutDeps } from "./schema_rollout.ts";

export interface SchemaCheckDeps extends Pick<RolloutDeps, "exports"> {
  client: KubeClient;
  templates: Informer<APIServiceExportTemplate>;
  apis: Informer<CustomResourceDefinition, ServedApi>;
  source: CrdSource;
  log: Log;
  now?: () => Date;
}

export type SchemaImpact = NonNullable<
  NonNullable<NonNullable<APIServiceExportTemplate["status"]>["schema"]>["impact"]
>;

/** So many app clusters are named in a status, the ones hit most first. */
const MAX_TENANTS = 20;

/** Has all stored objects of an API judged by a schema that is not safe, once, and says in its template what came out. */
export async function reconcileSchemaCheck(
  { client, templates, apis, source, exports, log, now = () => new Date() }: SchemaCheckDeps,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<Outcome> {
  const template = templates.store.get(key);
  const { schema } = template?.status ?? {};
  if (!template || isDeleting(template) || !schema) return;
  if (schema.verdict === "safe" || schema.impact?.hash === schema.hash) return;
  const name = groupResourceName(template.spec.APIServiceSelector);
  const api = apis.store.get({ name });
  const made = api && atVersion(await source.get(api, signal), template.spec.APIServiceSelector.version);
  // Another schema has an event of its own.
  if (!made || "problem" in made || sourceSpecHash(made.spec) !== schema.hash) return;
  const waiting = exports.store.by(EXPORTS_BY_NAME, name).find(({ spec }) => sourceSpecHash(spec) !== schema.hash);
  const before = waiting && toCrdOfExport(waiting).spec;
  await removeLeftCopies(client, Array.from(apis.store.keys(), (one) => one.name), now(), signal);
  const impact = await judge(client, toCrdOfExport(made).spec, before, signal);
  const { objects, refused, problem } = impact;
  await templates.api.mergePatch(
    key,
    { metadata: { uid: template.metadata.uid }, status: { schema: { impact: { hash: schema.hash, ...impact } } } },
    { subresource: "status" },
    signal,
  );
  log.info("stored objects checked against a schema", {
    template: key,
    schema: schema.hash,
    objects,
    refused,
    problem,
  });
}

type Spec = CustomResourceDefinition["spec"];

/** @returns null for what is to leave the status */
async function judge(
  client: KubeClient,
  definition: Spec,
  before: Spec | undefined,
  signal: AbortSignal,
): Promise<Omit<SchemaImpact, "hash" | "problem"> & { problem: string | null }> {
  try {
    return { ...summarizeImpact(await impactOf(client, definition, { before }, signal)), problem: null };
  } catch (error) {
    if (!(error instanceof KubeError) || isUnreachable(error)) throw error;
    return { objects: 0, refused: 0, tenants: [], problem: error.message };
  }
}

/** What a status has room for. */
export function summarizeImpact(impacts: readonly Impact[]): Pick<SchemaImpact, "objects" | "refused" | "tenants"> {
  const total = (count: (impact: Impact) => number) => impacts.reduce((sum, impact) => sum + count(impact), 0);
  return {
    objects: total(({ objects }) => objects),
    refused: total(({ refused }) => refused),
    tenants: impacts.toSorted((a, b) => b.refused - a.refused || b.objects - a.objects).slice(0, MAX_TENANTS),
  };
}
