import type { APIServiceExport } from "../crds/api_service_export.ts";
import type { APIServiceExportRequest } from "../crds/api_service_export_request.ts";
import type { BindingResponse } from "../crds/binding_response.ts";
import { API_SERVICE_EXPORT_REQUESTS, API_SERVICE_EXPORTS, binderRoleName } from "../crds/names.ts";
import { groupResourceName } from "../crds/shared.ts";
import { findCondition } from "../kube/conditions.ts";
import { parseReceivedKubeconfig } from "../kube/received_kubeconfig.ts";
import { CLUSTER_ROLES, type Role } from "../kube/resources.ts";
import { formatKey, type KubeObject } from "../kube/types.ts";
import type { Backend, BackendStage } from "./backend_stage.ts";
import type { Figure } from "./figures.ts";
import { rateSince } from "./statistics.ts";
import type { Arrivals } from "./stopwatch.ts";
import { bindAllHref, logIn, VERIFIER, type Visit } from "./visit.ts";

/** People who are about to click on Bind, one for each of these app clusters; ids of those have no dashes. */
export async function logInAll(stage: BackendStage, { address }: Backend, names: readonly string[]) {
  const visits: Visit[] = [];
  await stage.each(names, async (name, signal) => {
    visits.push(await logIn(address, name.replaceAll("-", ""), signal));
  });
  return visits;
}

/**
 * All APIs on offer for new app clusters: from the click on Bind, by way of the one-time code and the credential, to the
 * request, and until that is answered, the exports are in sync and their rights are granted.
 *
 * @returns their cluster namespaces, and how many are done per second
 */
export async function onboard(
  stage: BackendStage,
  { address }: Backend,
  visits: readonly Visit[],
): Promise<{ namespaces: string[]; rate: Figure }> {
  const { admin, patienceMs, signal } = stage;
  await using stack = new AsyncDisposableStack();
  const exported = stack.use(await stage.watch(API_SERVICE_EXPORTS));
  const answered = stack.use(await stage.watch(API_SERVICE_EXPORT_REQUESTS));
  const granted = stack.use(await stage.watch(CLUSTER_ROLES));
  const requests = admin.api<APIServiceExportRequest>(API_SERVICE_EXPORT_REQUESTS);
  const bound: { namespace: string; parts: Arrivals[] }[] = [];

  const startMs = performance.now();
  await stage.each(visits, async (visit, signal) => {
    const { namespace, request } = await takeCredential(address, visit, signal);
    const names = request.spec.resources.map(groupResourceName);
    const plurals = request.spec.resources.map(({ resource }) => resource);
    const requestKey = { namespace, name: "bench" };
    const parts = [
      exported.expect(names.map((name) => formatKey({ namespace, name })), isInSync),
      answered.expect([formatKey(requestKey)], hasSucceeded),
      granted.expect([binderRoleName(namespace)], (role) => grantsAll(role, plurals)),
    ];
    bound.push({ namespace, parts });
    await requests.create({ ...request, metadata: requestKey }, signal);
  });
  const end = performance.now() + patienceMs;
  for (const part of bound.flatMap(({ parts }) => parts)) await part.wait(Math.max(0, end - performance.now()), signal);

  const done = bound.filter(({ parts }) => parts.every(({ isComplete }) => isComplete));
  const moments = done.map(({ parts }) => Math.max(...parts.flatMap(({ seenAtMs }) => [...seenAtMs.values()])));
  const isComplete = done.length === visits.length;
  const note = `${done.length} of ${visits.length} within ${stage.options.patienceSeconds} s`;
  return {
    namespaces: bound.map(({ namespace }) => namespace),
    rate: { value: rateSince(startMs, moments) ?? 0, ...(!isComplete && { note }) },
  };
}

/** What browser and command line do between them: click, take the code, and redeem it. */
async function takeCredential(address: string, visit: Visit, signal: AbortSignal) {
  const redirect = await fetch(bindAllHref(visit.page), {
    headers: { cookie: visit.cookie },
    redirect: "manual",
    signal,
  });
  await redirect.body?.cancel();
  const code = URL.parse(redirect.headers.get("location") ?? "")?.searchParams.get("code");
  if (!code) throw new Error(`Cannot bind: the backend answers ${redirect.status}, and gives no code`);
  const body = new URLSearchParams({ code, code_verifier: VERIFIER });
  const response = await fetch(`${address}/response`, { method: "POST", body, signal });
  if (!response.ok) throw new Error(`Cannot redeem a code: ${response.status} ${await response.text()}`);
  const { kubeconfig, requests: [request] }: BindingResponse = await response.json();
  const { namespace } = parseReceivedKubeconfig(atob(kubeconfig!));
  return { namespace: namespace!, request: request as APIServiceExportRequest };
}

const isInSync = (object: KubeObject): boolean =>
  findCondition((object as APIServiceExport).status?.conditions, "ProviderInSync")?.status === "True";

const hasSucceeded = (object: KubeObject): boolean => (object as APIServiceExportRequest).status?.phase === "Succeeded";

const grantsAll = (object: KubeObject, plurals: readonly string[]): boolean => {
  const { rules } = object as Role; // null when there are none
  return plurals.every((plural) => rules?.some(({ resources }) => resources?.includes(plural)));
};
