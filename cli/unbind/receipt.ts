import { deepEqual } from "../../kube/json.ts";
import type { Landscape } from "../diagnosis/landscape.ts";
import type { Remainder, UnbindPlan } from "./plan.ts";
import { foundIn, heldByUs, names, type Survey, survey } from "./survey.ts";

/** What was done, and what is left, for the records. */
export interface Receipt {
  binding: string;
  mode: UnbindPlan["mode"];
  unboundAt: string;
  /** Whether the plan had said so. */
  isAsPlanned: boolean;
  left: Remainder;
  objects: string[];
  /** On the provider: as they are now, or as they were when it last answered; absent when it never did. */
  copies?: string[];
}

/** Looks again, and compares with what the plan said. */
export async function receiptOf(
  landscape: Landscape,
  { binding, mode, left: planned }: UnbindPlan,
  before: Survey,
  signal: AbortSignal,
): Promise<Receipt> {
  const { objects, crd, spareRights, ...after } = await survey(landscape, before, signal);
  const copies = foundIn(after.copies);
  const left: Remainder = {
    objects: objects.length,
    copies: copies?.length,
    crd: crd !== undefined,
    held: heldByUs(objects).length,
    rights: spareRights?.length,
  };
  const known = copies ?? foundIn(before.copies);
  return {
    binding,
    mode,
    unboundAt: new Date().toISOString(),
    isAsPlanned: deepEqual(left, planned),
    left,
    objects: names(objects),
    copies: known && names(known),
  };
}
