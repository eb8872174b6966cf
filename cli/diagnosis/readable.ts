import { KubeError } from "../../kube/errors.ts";

/**
 * What can be read; undefined where the cluster answers that it cannot, be it for want of rights or by a failure of its
 * own: one part of a report must not cost the rest.
 *
 * @throws {KubeError} when no answer comes
 */
export async function readable<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof KubeError && error.status !== 0) return undefined;
    throw error;
  }
}
