import { isUnreachable, KubeError, messageOf } from "../../kube/errors.ts";
import type { DynamicObject } from "../../kube/types.ts";

/** One write of the next sync, as the API server answers it when it is rehearsed. */
export interface Change {
  side: "app cluster" | "provider";
  /** `<plural>.<group>` */
  resource: string;
  /** Absent for an object that is made. */
  before?: DynamicObject;
  /** Absent for an object that goes. */
  after?: DynamicObject;
}

/** What the next sync would write, and what of it a cluster refuses. */
export class Rehearsal {
  readonly changes: Change[] = [];
  readonly problems: string[] = [];

  /** @throws {KubeError} when no answer comes: then nothing can be said at all */
  async attempt(rehearse: () => Promise<Change>): Promise<void> {
    try {
      this.changes.push(await rehearse());
    } catch (error) {
      if (!(error instanceof KubeError) || isUnreachable(error)) throw error;
      this.problems.push(messageOf(error));
    }
  }
}
