import {
  API_SERVICE_BINDINGS,
  CREATE_ONLY_ANNOTATION,
  FIELD_MANAGER,
  KLUTCH_NAMESPACE,
  KONNECTOR,
} from "../crds/names.ts";
import type { KubeClient } from "../kube/client.ts";
import { type Clock, systemClock } from "../kube/clock.ts";
import { isConflict, isNotServed, isTooManyRequests, isUnreachable, KubeError, messageOf } from "../kube/errors.ts";
import { counted } from "../kube/plural.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, DEPLOYMENTS, PODS } from "../kube/resources.ts";
import { annotationOf, type KubeObject, resourceName } from "../kube/types.ts";
import { type BindingApi, findBindingApi } from "./api_service_binding.ts";
import type { Deployment } from "./diagnosis/konnector.ts";
import { publishedTagOf } from "./konnector/image.ts";
import {
  DEFAULT_KONNECTOR_IMAGE,
  DEFAULT_KONNECTOR_VERSION,
  konnectorManifests,
  type Manifest,
} from "./konnector/manifests.ts";
import { rightsOfImage } from "./konnector/update_rights.ts";
import { compareVersions, parseVersion } from "./semver.ts";
import { printable } from "../printable.ts";
import type { TakeBack } from "./take_back.ts";
import type { Terminal } from "./terminal.ts";
import { formatDuration } from "./duration.ts";
import { WaitTimeoutError } from "./wait.ts";

export interface KonnectorChoice {
  /** Applied whatever runs now. */
  image?: string;
  skip: boolean;
  /** Replace a newer konnector, too. */
  downgrade: boolean;
}

/** What to do about the konnector, and what to tell about it. */
export interface KonnectorPlan {
  /** Apply the manifests with this image; nothing to apply when absent. */
  image?: string;
  message?: string;
}

/** @param installed image of the konnector that runs on the app cluster, if one does */
export function planKonnector({ image, skip, downgrade }: KonnectorChoice, installed?: string): KonnectorPlan {
  const wanted = DEFAULT_KONNECTOR_VERSION;
  const place = `to namespace ${KLUTCH_NAMESPACE}`;
  if (image) {
    return { image, message: `🚀 Deploying konnector ${place} with custom image ${JSON.stringify(image)}.` };
  }
  if (skip) return {};
  if (installed === undefined) {
    return { image: DEFAULT_KONNECTOR_IMAGE, message: `🚀 Deploying konnector ${wanted} ${place}.` };
  }
  const version = publishedTagOf(installed) || "unknown";
  if (version === "unknown" || version === "latest") {
    return { message: `ℹ️ konnector of ${version} version already installed, skipping` };
  }
  const parsed = parseVersion(version);
  if (!parsed) throw new Error(`failed to parse konnector SemVer version ${JSON.stringify(printable(version))}`);
  const order = compareVersions(parseVersion(wanted)!, parsed);
  if (order > 0 || (order < 0 && downgrade)) {
    return { image: DEFAULT_KONNECTOR_IMAGE, message: `🚀 Updating konnector from ${version} to ${wanted}.` };
  }
  if (order < 0) {
    return {
      message: `⚠️ Newer konnector ${version} installed. To downgrade to ${wanted} use --downgrade-konnector.`,
    };
  }
  return {};
}

/** What would be done about the konnector of this app cluster. */
export async function findKonnectorPlan(
  appCluster: KubeClient,
  choice: KonnectorChoice,
  signal: AbortSignal,
): Promise<KonnectorPlan> {
  const deployment = choice.image || choice.skip ? undefined : await appCluster.api<Deployment>(DEPLOYMENTS)
    .find({ namespace: KLUTCH_NAMESPACE, name: KONNECTOR }, signal);
  return planKonnector(choice, deployment && (deployment.spec.template.spec.containers[0]?.image ?? ""));
}

/** Sees to a konnector on the app cluster as `choice` says. */
export async function deployKonnector(
  appCluster: KubeClient,
  choice: KonnectorChoice,
  terminal: Terminal,
  { timeoutMs, takeBack, clock = systemClock }: { timeoutMs: number; takeBack: TakeBack; clock?: Clock },
  signal: AbortSignal,
): Promise<void> {
  const { image, message } = await findKonnectorPlan(appCluster, choice, signal);
  if (message) terminal.say(message);
  if (!image) return;
  const giveUpAt = clock.monotonicMs() + timeoutMs;
  const patiently: Patience = async (attempt) => {
    while (true) {
      try {
        return await attempt();
      } catch (error) {
        if (!mayPass(error) || clock.monotonicMs() >= giveUpAt) throw error;
        await clock.sleep(1000, signal);
      }
    }
  };
  const crds = appCluster.api(CUSTOM_RESOURCE_DEFINITIONS);
  if (!await patiently(() => crds.find({ name: BINDING_CRD }, signal))) {
    takeBack.add({ what: `CRD ${BINDING_CRD}`, undo: (signal) => removeBindingCrd(appCluster, signal) });
  }
  const rights = await patiently(() => rightsOfImage(appCluster, image, signal)); // a bind adds to them
  for (const manifest of konnectorManifests(image, rights)) {
    await patiently(() => applyManifest(appCluster, manifest, takeBack, signal));
  }
}

/** Tries again while that may help. */
type Patience = <T>(attempt: () => Promise<T>) => Promise<T>;

/** Made by the konnector when it starts. */
const BINDING_CRD = resourceName(API_SERVICE_BINDINGS);

async function removeBindingCrd(appCluster: KubeClient, signal: AbortSignal): Promise<void> {
  const crds = appCluster.api(CUSTOM_RESOURCE_DEFINITIONS);
  const crd = await crds.find({ name: BINDING_CRD }, signal);
  const found = await (await findBindingApi(appCluster, signal))?.list({}, signal);
  if (found?.items.length) throw new Error(`${counted(found.items.length, "API is", "APIs are")} bound by now`);
  if (crd) await crds.delete(crd.metadata, { uid: crd.metadata.uid }, signal);
}

async function applyManifest(
  appCluster: KubeClient,
  { resource, object }: Manifest,
  takeBack: TakeBack,
  signal: AbortSignal,
): Promise<void> {
  const api = appCluster.api(resource);
  const existing = await api.find(object.metadata, signal);
  if (existing && annotationOf(existing, CREATE_ONLY_ANNOTATION) !== undefined) return;
  const apply = (signal: AbortSignal) => api.apply(object, { fieldManager: FIELD_MANAGER, force: true }, signal);
  await (existing ? apply(signal) : takeBack.create(api, apply, signal));
}

/** Failures that another try may not meet again; refusals are final. */
const mayPass = (error: unknown): boolean =>
  isUnreachable(error) || isConflict(error) || isTooManyRequests(error) ||
  (error instanceof KubeError && error.status >= 500);

/**
 * Waits until the app cluster knows APIServiceBindings, which the konnector sees to when it starts.
 *
 * @throws {WaitTimeoutError} saying what keeps the konnector's pods from running, as far as it can be told
 */
export async function waitForBindingApi(
  appCluster: KubeClient,
  terminal: Terminal,
  { timeoutMs, clock = systemClock }: { timeoutMs: number; clock?: Clock },
  signal: AbortSignal,
): Promise<BindingApi> {
  const giveUpAt = clock.monotonicMs() + timeoutMs;
  for (let attempt = 1;; attempt++) {
    let obstacle: unknown;
    try {
      const api = await findBindingApi(appCluster, signal);
      await api?.list({ namespace: KLUTCH_NAMESPACE }, signal);
      if (api) return api;
    } catch (error) {
      if (!isNotServed(error) && !mayPass(error)) throw error;
      obstacle = isNotServed(error) ? undefined : error;
    }
    if (clock.monotonicMs() >= giveUpAt) {
      const why = obstacle ? messageOf(obstacle) : await whyNoKonnector(appCluster, signal);
      throw new WaitTimeoutError(
        `Cannot bind: the konnector was not ready within ${formatDuration(timeoutMs)}: ${why}`,
      );
    }
    if (attempt === 1) terminal.say("   Waiting for the konnector to be ready");
    await clock.sleep(1000, signal);
  }
}

interface Pod extends KubeObject {
  status?: {
    phase?: string;
    conditions?: { type: string; status: string; message?: string }[];
    containerStatuses?: { state?: { waiting?: { reason?: string; message?: string } } }[];
  };
}

async function whyNoKonnector(appCluster: KubeClient, signal: AbortSignal): Promise<string> {
  const missing = `the app cluster has no CRD apiservicebindings.${API_SERVICE_BINDINGS.group} yet`;
  try {
    const selection = { namespace: KLUTCH_NAMESPACE, labelSelector: `app=${KONNECTOR}` };
    const { items } = await appCluster.api<Pod>(PODS).list(selection, signal);
    if (items.length === 0) {
      return `${missing}, and no konnector pod runs in namespace ${KLUTCH_NAMESPACE}; start one, or leave out --skip-konnector`;
    }
    for (const { metadata, status } of items) {
      const waiting = status?.containerStatuses?.find(({ state }) => state?.waiting)?.state?.waiting;
      const unscheduled = status?.conditions?.find(({ type, status }) => type === "PodScheduled" && status === "False");
      const why = waiting ? `${waiting.reason ?? ""} ${waiting.message ?? ""}`.trim() : unscheduled?.message;
      if (why) return `${missing}; pod ${metadata.name}: ${printable(why, 300)}`;
    }
  } catch {
    signal.throwIfAborted(); // pods are only looked at to explain; without the right to do so, this is what we know
  }
  return `${missing}; see kubectl -n ${KLUTCH_NAMESPACE} logs deployment/${KONNECTOR}`;
}
