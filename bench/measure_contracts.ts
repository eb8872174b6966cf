import type { APIServiceExport } from "../crds/api_service_export.ts";
import { API_SERVICE_EXPORTS } from "../crds/names.ts";
import { systemClock } from "../kube/clock.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition } from "../kube/resources.ts";
import { formatKey, type KubeObject } from "../kube/types.ts";
import type { BackendStage } from "./backend_stage.ts";
import { numbered } from "./bench_api.ts";
import type { Figure, Figures } from "./figures.ts";
import { offer, serviceCrds } from "./offered_apis.ts";
import { logInAll, onboard } from "./onboarding.ts";

/** Very many exports: what the backend holds of them, and how soon all exports of one API follow it. */
export async function measureContracts(stage: BackendStage): Promise<Figures> {
  const { admin, options, signal } = stage;
  const crds = serviceCrds(options.exports);
  await stage.each(crds, (crd, signal) => offer(admin, crd, signal));
  const { namespaces, makingPeak } = await makeContracts(stage);
  stage.say(`  ${namespaces.length} app clusters with ${crds.length} APIs each`);

  await using backend = await stage.launch();
  await stage.untilQuiet(backend.process);
  await systemClock.sleep(options.settleSeconds * 1000, signal);
  const { residentMiB, peakMiB } = await backend.process.usage();
  return {
    "contracts.makingPeakMiB": makingPeak,
    "contracts.settledMiB": { value: residentMiB },
    "contracts.peakMiB": { value: peakMiB },
    "contracts.changeSeconds": await timeChange(stage, crds[0]!, namespaces),
  };
}

async function makeContracts(stage: BackendStage): Promise<{ namespaces: string[]; makingPeak: Figure }> {
  const { clusters } = stage.options;
  await using backend = await stage.launch();
  const visits = await logInAll(stage, backend, numbered("cluster", clusters));
  const { namespaces, rate: { note } } = await onboard(stage, backend, visits);
  await stage.untilQuiet(backend.process);
  const { peakMiB } = await backend.process.usage();
  await backend.process.stop();
  return { namespaces, makingPeak: { value: peakMiB, ...(note !== undefined && { note }) } };
}

/** @returns seconds from a new optional field of the API until its exports in all these namespaces have it */
async function timeChange(
  stage: BackendStage,
  { metadata: { name } }: CustomResourceDefinition,
  namespaces: readonly string[],
): Promise<Figure> {
  const { admin, patienceMs, signal } = stage;
  const field = "tier";
  const properties = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
  await using stopwatch = await stage.watch(API_SERVICE_EXPORTS);
  const arrivals = stopwatch.expect(namespaces.map((namespace) => formatKey({ namespace, name })), hasField(field));
  const startMs = performance.now();
  await admin.api(CUSTOM_RESOURCE_DEFINITIONS)
    .jsonPatch({ name }, [{ op: "add", path: `${properties}/${field}`, value: { type: "string" } }], {}, signal);
  if (!await arrivals.wait(patienceMs, signal)) return { value: patienceMs / 1000, beyond: true };
  return { value: (Math.max(...arrivals.seenAtMs.values()) - startMs) / 1000 };
}

const hasField = (field: string) => (object: KubeObject): boolean => {
  const { versions } = (object as APIServiceExport).spec;
  return JSON.stringify(versions[0]?.schema).includes(`"${field}"`);
};
