import { type Clock, systemClock } from "../kube/clock.ts";
import type { Log } from "../kube/log.ts";

export interface FollowedFiles<Content> {
  /** Throws when files cannot be read. */
  read: () => Promise<Content>;
  /** What is in use. */
  current: Content;
  /** Takes up what the files hold now; throws when that is of no use. */
  renew: (content: Content) => void;
  /** For the log, when what is in use stays. */
  refusal: string;
  /** Called at each look that finds nothing wrong. */
  onLook?: () => void;
  log: Log;
  clock?: Clock;
}

/** Files are read and not watched: those of a mounted Secret change by a link above them. */
const POLL_MS = 10_000;

/**
 * Takes up the content of files whenever it is another one, until the signal fires. What is of no use, as while they are
 * written one after the other, changes nothing and is told once.
 */
export async function followFiles<Content>(
  { read, current, renew, refusal, onLook, log, clock = systemClock }: FollowedFiles<Content>,
  signal: AbortSignal,
): Promise<void> {
  let inUse = JSON.stringify(current);
  let refused: string | undefined;
  while (true) {
    await clock.sleep(POLL_MS, signal);
    let text = ""; // of files that cannot be read
    try {
      const content = await read();
      text = JSON.stringify(content);
      if (text !== inUse) {
        renew(content);
        inUse = text;
      }
      onLook?.();
    } catch (error) {
      if (text !== refused) log.warn(refusal, { error });
      refused = text;
    }
  }
}
