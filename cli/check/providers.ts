import { type Finding, passed, stopped } from "../diagnosis/finding.ts";
import { isSkewed } from "../diagnosis/skew.ts";
import type { Landscape } from "../diagnosis/landscape.ts";
import type { ProviderView } from "../diagnosis/provider.ts";
import { formatAge } from "../duration.ts";

/** Every provider that something is bound of: the Secret, the way there, and its clock. */
export async function providerFindings(landscape: Landscape, signal: AbortSignal): Promise<Finding[]> {
  const views = new Set<ProviderView>();
  for (const binding of landscape.bindings) views.add((await landscape.look(binding, signal)).provider);
  const { time = new Date() } = await landscape.appCluster.serverInfo(signal);
  return [...views].flatMap(({ findings, contract }) => [
    ...findings,
    ...(contract?.now ? [clockFinding(contract.now.getTime() - time.getTime())] : []),
  ]);
}

/** Answers take their time, so some seconds say nothing. */
function clockFinding(skewMs: number): Finding {
  return isSkewed(skewMs)
    ? stopped("Provider", "ProviderClockSkewed", `its clock is ${formatAge(Math.abs(skewMs))} off this cluster's`)
    : passed("Provider", "its clock and this cluster's agree");
}
