import { REDEEMED_CODES_ANNOTATION } from "../crds/names.ts";
import type { Api } from "../kube/api.ts";
import { isConflict } from "../kube/errors.ts";
import type { Namespace } from "../kube/resources.ts";
import { annotationOf } from "../kube/types.ts";

/** A one-time code that somebody redeems. */
export interface TakenCode {
  /** The cluster namespace. */
  namespace: string;
  codeId: string;
  expiresAt: Date;
}

/**
 * Takes a one-time code for its contract, once: the cluster namespace remembers it until it has expired, so that all
 * replicas know.
 *
 * @returns false when it has been taken before
 * @throws {KubeError}
 */
export async function takeCode(
  namespaces: Api<Namespace>,
  code: TakenCode,
  now: Date,
  signal: AbortSignal,
): Promise<boolean> {
  const key = { name: code.namespace };
  while (true) {
    const current = await namespaces.get(key, signal);
    const taken = readTaken(annotationOf(current, REDEEMED_CODES_ANNOTATION), now);
    if (taken.has(code.codeId)) return false;
    taken.set(code.codeId, Math.ceil(code.expiresAt.getTime() / 1000));
    const annotations = { [REDEEMED_CODES_ANNOTATION]: formatTaken(taken) };
    const { uid, resourceVersion } = current.metadata;
    try {
      await namespaces.mergePatch(key, { metadata: { uid, resourceVersion, annotations } }, {}, signal);
      return true;
    } catch (error) {
      if (!isConflict(error)) throw error; // else somebody wrote meanwhile, perhaps with the same code
    }
  }
}

/** Seconds since 1970 at which codes expire, by their id; without those that have. */
function readTaken(text = "", now: Date): Map<string, number> {
  const entries = text.split(" ").map((entry) => entry.split("=")).map(([id = "", end]) => [id, Number(end)] as const);
  return new Map(entries.filter(([, end]) => end * 1000 > now.getTime()));
}

const formatTaken = (taken: Map<string, number>) => Array.from(taken, ([id, end]) => `${id}=${end}`).join(" ");
