import assert from "node:assert/strict";
import type { DynamicObject } from "../kube/types.ts";
import type { ClaimDigest } from "./claim_digest.ts";
import { ClaimEvidence } from "./claim_evidence.ts";

const KEY = { namespace: "default", name: "login" };
const copy = (uid: string): DynamicObject => ({ apiVersion: "v1", kind: "Secret", metadata: { ...KEY, uid } });
const digest = (isDeleting = false): ClaimDigest => ({ isDeleting, counts: true, isMarked: true, content: "" });

type Event = "listed" | "listed deleting" | "made" | "deleting" | "deleted" | "not listed" | "condemned";

/** What there is after such events of one copy, all with the same uid but for those after `made`. */
function evidenceAfter(...events: Event[]): ClaimEvidence {
  const evidence = new ClaimEvidence();
  let uid = 0;
  for (const event of events) {
    if (event === "made") uid++;
    const object = copy(`u${uid}`);
    const fresh = !event.includes("listed");
    if (event === "condemned") evidence.condemnCopy(KEY, object);
    else if (event === "deleted" || event === "not listed") {
      evidence.copyChanged(KEY, { key: KEY, before: digest(), fresh });
    } else evidence.copyChanged(KEY, { key: KEY, after: digest(event.includes("deleting")), object, fresh });
  }
  return evidence;
}

const cases: [what: string, events: Event[], isByUser: boolean][] = [
  ["a copy that is deleted", ["listed", "deleted"], true],
  ["a copy that is held for a while", ["listed", "deleting", "deleted"], true],
  ["a copy that we delete", ["listed", "condemned", "deleted"], false],
  ["a copy that we delete and somebody holds", ["listed", "condemned", "deleting", "deleted"], false],
  ["a copy that somebody deletes after we have replaced one", ["condemned", "made", "deleted"], true],
  ["a copy whose deletion was under way when we came", ["listed deleting", "deleted"], false],
  ["a copy that is missing in a list", ["listed", "not listed"], false],
];
for (const [what, events, isByUser] of cases) {
  Deno.test(`${what}: ${isByUser ? "" : "not "}what its user wants`, () => {
    assert.equal(evidenceAfter(...events).isCopyDeleted(KEY), isByUser);
  });
}

Deno.test("a source that one watch has lost and another has is not deleted", () => {
  const evidence = new ClaimEvidence();
  evidence.sourceChanged(KEY, { key: KEY, before: digest(), fresh: true }, true);
  assert.equal(evidence.isSourceDeleted(KEY), false);
  evidence.sourceChanged(KEY, { key: KEY, before: digest(), fresh: false }, false);
  assert.equal(evidence.isSourceDeleted(KEY), false, "missing in a list");
  evidence.sourceChanged(KEY, { key: KEY, before: digest(), fresh: true }, false);
  assert.equal(evidence.isSourceDeleted(KEY), true);
});
