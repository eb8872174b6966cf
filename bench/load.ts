import type { DynamicObject } from "../kube/types.ts";
import type { Figure } from "./figures.ts";
import type { Side } from "./sides.ts";
import type { Stage } from "./stage.ts";
import { rateSince } from "./statistics.ts";
import type { Arrivals } from "./stopwatch.ts";

/** Something done for many objects at once, and where its effect shows. */
export interface Load {
  names: readonly string[];
  work: (name: string, signal: AbortSignal) => Promise<unknown>;
  seenOn: Side;
  matches?: (object: DynamicObject) => boolean;
}

/** @returns when the stop-watch saw what, and how many per second from the first request on */
export async function runLoad(
  stage: Stage,
  { names, work, seenOn, matches }: Load,
): Promise<{ arrivals: Arrivals; rate: Figure }> {
  await using stopwatch = await stage.watch(seenOn);
  const arrivals = stopwatch.expect(names, matches);
  const startMs = performance.now();
  await stage.each(names, work);
  await arrivals.wait(stage.patienceMs, stage.signal);
  const value = rateSince(startMs, arrivals.seenAtMs.values()) ?? 0;
  return { arrivals, rate: { value, ...noteOn(arrivals, names, stage) } };
}

/** A rate remains one when not all objects made it, but readers should know. */
export function noteOn(arrivals: Arrivals, names: readonly string[], { options }: Stage): Pick<Figure, "note"> {
  if (arrivals.isComplete) return {};
  return { note: `${arrivals.count} of ${names.length} within ${options.patienceSeconds} s` };
}
