import { deepEqual } from "node:assert/strict";
import { counted } from "./plural.ts";

Deno.test("counted() says one of something, and several", () => {
  deepEqual([0, 1, 2].map((number) => counted(number, "object")), ["0 objects", "1 object", "2 objects"]);
  deepEqual([1, 2].map((number) => counted(number, "copy is", "copies are")), ["1 copy is", "2 copies are"]);
});
