import { equal, ok } from "node:assert/strict";
import { Slots } from "./slots.ts";

Deno.test("Slots are given out up to the limit of each, and of all together", () => {
  const slots = new Slots({ most: 4, mostEach: 2 });
  const [first] = [slots.take("a"), slots.take("a")];
  equal(slots.take("a"), undefined);
  ok(slots.take("b"));
  ok(slots.take(), "nobody's");
  equal(slots.take("c"), undefined, "none is left");
  equal(slots.take(), undefined);
  first!();
  first!(); // once more gives nothing back
  ok(slots.take("a"));
  equal(slots.take("a"), undefined);
});
