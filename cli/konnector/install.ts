import { FIELD_MANAGER, KLUTCH_NAMESPACE, KONNECTOR } from "../../crds/names.ts";
import type { KubeClient } from "../../kube/client.ts";
import { DEPLOYMENTS } from "../../kube/resources.ts";
import type { ProgramContext } from "../../program.ts";
import { type AppClusterFlags, openAppCluster } from "../app_cluster.ts";
import type { Deployment } from "../diagnosis/konnector.ts";
import { createTerminal, LineReader, type Terminal } from "../terminal.ts";
import { waitForObject } from "../wait.ts";
import { DEFAULT_KONNECTOR_IMAGE, konnectorManifests, type Manifest } from "./manifests.ts";
import { ALL_RIGHTS, type KonnectorRights, needsAllRights } from "./rights.ts";
import { applyRights, describeAbsent, rightsOfImage } from "./update_rights.ts";

export type RightsChoice = "bound" | "all";

export interface ManifestOptions {
  /** What runs now, else the published one, when absent. */
  image?: string;
  /** What the image needs, when absent. */
  rights?: RightsChoice;
  appCluster: AppClusterFlags;
}

export interface InstallOptions extends ManifestOptions {
  /** Refuse where there is none; otherwise refuse where there is one. */
  isUpgrade: boolean;
  /** 0 does not wait. */
  waitTimeoutMs: number;
}

const DEPLOYMENT = { namespace: KLUTCH_NAMESPACE, name: KONNECTOR };

/** `klutch konnector install` and `upgrade`. */
export async function runInstall({ isUpgrade, waitTimeoutMs, ...options }: InstallOptions, context: ProgramContext) {
  const { signal } = context;
  const terminal = createTerminal(context, new LineReader(() => context.stdin), "stderr");
  using appCluster = await openAppCluster(options.appCluster, context);
  const installed = await appCluster.api<Deployment>(DEPLOYMENTS).find(DEPLOYMENT, signal);
  if (isUpgrade && !installed) throw new Error("Cannot upgrade: no konnector is installed here; use install");
  if (!isUpgrade && installed) throw new Error("Cannot install: there is a konnector already; use upgrade");
  const { manifests, rights, image } = await plan(appCluster, options, installed, terminal, signal);
  terminal.say(`🚀 ${isUpgrade ? "Upgrading" : "Installing"} konnector ${image} in namespace ${KLUTCH_NAMESPACE}.`);
  for (const { resource, object } of manifests) {
    await appCluster.api(resource).apply(object, { fieldManager: FIELD_MANAGER, force: true }, signal);
  }
  await applyRights(appCluster, rights, {}, signal); // and nothing more than these
  if (waitTimeoutMs > 0) {
    terminal.say("   Waiting for its pods to be ready");
    await untilReady(appCluster, waitTimeoutMs, signal);
  }
  terminal.say(`✅ ${isUpgrade ? "Upgraded" : "Installed"}. \`${context.invokedAs} check\` looks whether all is well.`);
}

/** `klutch konnector manifests` */
export async function runManifests(options: ManifestOptions, context: ProgramContext): Promise<void> {
  const { signal } = context;
  const terminal = createTerminal(context, new LineReader(() => context.stdin), "stderr");
  using appCluster = await openAppCluster(options.appCluster, context);
  const installed = await appCluster.api<Deployment>(DEPLOYMENTS).find(DEPLOYMENT, signal);
  const { manifests } = await plan(appCluster, options, installed, terminal, signal);
  const { toYamlDocuments } = await import("../yaml.ts");
  terminal.print(toYamlDocuments(manifests.map(({ object }) => object)));
}

async function plan(
  appCluster: KubeClient,
  { image: wanted, rights: choice }: ManifestOptions,
  installed: Deployment | undefined,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<{ manifests: Manifest[]; rights: KonnectorRights; image: string }> {
  const image = wanted ?? installed?.spec.template.spec.containers[0]?.image ?? DEFAULT_KONNECTOR_IMAGE;
  if (needsAllRights(image) && choice === "bound") {
    throw new Error(
      `Cannot restrict ${image}: the Go implementation watches everything; give --image, or --rights all`,
    );
  }
  const rights = choice === "all" ? ALL_RIGHTS : await rightsOfImage(appCluster, image, signal);
  if (!rights.isBounded) terminal.say("⚠️ This konnector may do everything in this cluster.");
  for (const line of describeAbsent(rights.absent)) terminal.say(`ℹ️ ${line}`);
  return { manifests: konnectorManifests(image, rights), rights, image };
}

/** Whether all pods are those of the current template, and ready; earlier ones, which go on until then, do not count. */
export function isRolledOut({ metadata: { generation = 0 }, spec, status = {} }: Deployment): boolean {
  const { observedGeneration = 0, replicas, updatedReplicas, readyReplicas } = status;
  const wanted = spec.replicas ?? 1;
  return observedGeneration >= generation &&
    [replicas, updatedReplicas, readyReplicas].every((one = 0) => one === wanted);
}

async function untilReady(appCluster: KubeClient, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const goal = `see all pods of Deployment ${KLUTCH_NAMESPACE}/${KONNECTOR} run the new image and get ready`;
  await waitForObject(
    appCluster.api<Deployment>(DEPLOYMENTS),
    DEPLOYMENT,
    (deployment) => (deployment && isRolledOut(deployment)) || undefined,
    { timeoutMs, goal },
    signal,
  );
}
