import assert from "node:assert/strict";
import { InHand } from "./in_hand.ts";

const db = (resourceVersion: string) => ({
  apiVersion: "mangodb.com/v1alpha1",
  kind: "MangoDB",
  metadata: { name: "db", resourceVersion },
});

Deno.test("an object is at hand in the version that was asked for, until it is dropped", () => {
  const inHand = new InHand(2);
  inHand.put("a", db("1"));
  inHand.put("a", db("2"));
  assert.equal(inHand.get("a", "1"), undefined);
  assert.deepEqual(inHand.get("a", "2"), db("2"));
  inHand.drop("a");
  assert.equal(inHand.get("a", "2"), undefined);
});

Deno.test("when there is no room, those at hand stay, and follow their changes", () => {
  const inHand = new InHand(1);
  inHand.put("a", db("1"));
  inHand.put("b", db("2"));
  inHand.put("a", db("3"));
  assert.deepEqual([inHand.get("a", "3"), inHand.get("b", "2")], [db("3"), undefined]);
});
