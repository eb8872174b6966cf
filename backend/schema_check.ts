import type { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import { type Impact, impactOf, removeLeftCopies } from "../crds/compatibility/impact.ts";
import { sourceSpecHash, toCrdOfExport } from "../crds/export_schema.ts";
import { groupResourceName } from "../crds/shared.ts";
import type { KubeClient } from "../kube/client.ts";
import type { Outcome } from "../kube/controller.ts";
import { isRefusal, messageOf } from "../kube/errors.ts";
import type { Informer } from "../kube/informer.ts";
import type { Log } from "../kube/log.ts";
import type { CustomResourceDefinition } from "../kube/resources.ts";
import { patchStatus } from "../kube/status.ts";
import { formatTime } from "../kube/time.ts";
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

type Schema = NonNullable<NonNullable<APIServiceExportTemplate["status"]>["schema"]>;
export type SchemaImpact = NonNullable<Schema["impact"]>;

/** So many app clusters are named in a status, the ones hit most first. */
const MAX_TENANTS = 20;

/** Nobody tells when objects are repaired, or when what kept us from looking at them is. */
const CHECK_AGAIN_MS = 5 * 60_000;

/** Has all stored objects of an API judged by a schema that is not safe, until all fit; its template says what came out. */
export async function reconcileSchemaCheck(
  { client, templates, apis, source, exports, log, now = () => new Date() }: SchemaCheckDeps,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<Outcome> {
  const template = templates.store.get(key);
  const { schema } = template?.status ?? {};
  if (!template || isDeleting(template) || !schema) return;
  const inMs = nextCheckInMs(schema, now());
  if (inMs === undefined) return;
  if (inMs > 0) return { requeueAfterMs: inMs };
  const name = groupResourceName(template.spec.APIServiceSelector);
  const api = apis.store.get({ name });
  const made = api && atVersion(await source.get(api, signal), template.spec.APIServiceSelector.version);
  // Another schema has an event of its own.
  if (!made || "problem" in made || sourceSpecHash(made.spec) !== schema.hash) return;
  const waiting = exports.store.by(EXPORTS_BY_NAME, name).find(({ spec }) => sourceSpecHash(spec) !== schema.hash);
  const before = waiting && toCrdOfExport(waiting).spec;
  await removeLeftCopies(client, Array.from(apis.store.keys(), (one) => one.name), now(), signal);
  const found = await judge(client, toCrdOfExport(made).spec, before, signal);
  const { objects, refused, problem } = found;
  log.info("stored objects checked against a schema", {
    template: key,
    schema: schema.hash,
    objects,
    refused,
    problem,
  });
  const impact = { hash: schema.hash, checkedAt: formatTime(now()), ...found };
  const latest = await templates.api.find(key, signal); // that took a while
  if (latest?.status?.schema?.hash !== schema.hash) return;
  await patchStatus(
    templates.api,
    latest,
    { ...latest.status, schema: { ...latest.status.schema, impact } },
    signal,
  );
}

/** Undefined when there is nothing left to find out. */
function nextCheckInMs({ hash, verdict, impact }: Schema, now: Date): number | undefined {
  if (verdict === "safe") return undefined;
  if (impact?.hash !== hash) return 0;
  if (!impact.problem && impact.refused === 0) return undefined;
  const checkedAt = Date.parse(impact.checkedAt ?? "") || 0;
  return Math.max(0, checkedAt + CHECK_AGAIN_MS - now.getTime());
}

/** What failed for now is thrown; only what will be answered alike tomorrow is told. */
async function judge(
  client: KubeClient,
  definition: CustomResourceDefinition["spec"],
  before: CustomResourceDefinition["spec"] | undefined,
  signal: AbortSignal,
): Promise<Pick<SchemaImpact, "objects" | "refused" | "tenants" | "problem">> {
  try {
    return summarizeImpact(await impactOf(client, definition, { before }, signal));
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return { objects: 0, refused: 0, tenants: [], problem: messageOf(error) };
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
