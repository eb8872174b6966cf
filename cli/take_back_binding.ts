import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import type { KubeClient } from "../kube/client.ts";
import { openLandscape } from "./diagnosis/landscape.ts";
import type { Terminal } from "./terminal.ts";
import { letGo } from "./unbind/let_go.ts";
import { survey } from "./unbind/survey.ts";

const WAIT_MS = 20_000;

/**
 * Takes a binding away that was made a moment ago, and the CRD that came with it. Objects of an earlier binding, which
 * it has taken over, stay on both clusters.
 *
 * @param hadCrd whether the CRD was there before
 */
export async function takeBackBinding(
  appCluster: KubeClient,
  { metadata: { name, uid } }: APIServiceBinding,
  { hadCrd, terminal, userAgent }: { hadCrd: boolean; terminal: Terminal; userAgent: string },
  signal: AbortSignal,
): Promise<void> {
  using landscape = await openLandscape(appCluster, { userAgent }, signal);
  const { bindingApi, konnector, bindings } = landscape;
  const binding = bindings.find(({ metadata }) => metadata.name === name && metadata.uid === uid);
  if (!bindingApi || !binding) return;
  const found = await survey(landscape, { name, binding }, signal);
  const quiet = { ...terminal, say() {} };
  const deps = { appCluster, bindingApi, terminal: quiet, hasKonnector: konnector.isAlive, waitTimeoutMs: WAIT_MS };
  await letGo(deps, hadCrd ? { ...found, crd: undefined } : found, "orphan", signal);
}
