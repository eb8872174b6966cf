import type { KubeClient } from "../../kube/client.ts";
import { EVENTS } from "../../kube/resources.ts";
import type { KubeObject, ObjectKey } from "../../kube/types.ts";
import { readable } from "../diagnosis/readable.ts";
import { formatAge } from "../duration.ts";
import { printable } from "../../printable.ts";
import type { Target } from "./target.ts";

interface CoreEvent extends KubeObject {
  type?: string;
  reason?: string;
  message?: string;
  count?: number;
  eventTime?: string | null;
  lastTimestamp?: string | null;
  series?: { count?: number; lastObservedTime?: string };
}

/** An Event about the object, as it is shown. */
export interface RecentEvent {
  type: string;
  reason: string;
  message: string;
  count: number;
  /** `5m`, before now. */
  age: string;
}

const SHOWN = 5;

/** The newest Events about the object, the oldest of them first; none where they may not be read. */
export async function recentEvents(
  appCluster: KubeClient,
  { resource }: Target,
  { namespace = "default", name }: ObjectKey,
  signal: AbortSignal,
): Promise<RecentEvent[]> {
  if (!resource) return [];
  const fieldSelector = `involvedObject.kind=${resource.kind},involvedObject.name=${name}`;
  const list = await readable(appCluster.api<CoreEvent>(EVENTS).list({ namespace, fieldSelector }, signal));
  return (list?.items ?? []).toSorted((a, b) => timeOf(a) - timeOf(b)).slice(-SHOWN).map((event) => ({
    type: printable(event.type ?? "", 20),
    reason: printable(event.reason ?? "", 100),
    message: printable(event.message ?? "", 500),
    count: event.series?.count ?? event.count ?? 1,
    age: formatAge(Date.now() - timeOf(event)),
  }));
}

const timeOf = ({ series, eventTime, lastTimestamp, metadata }: CoreEvent): number =>
  Date.parse(series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? "") || 0;
