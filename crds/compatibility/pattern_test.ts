import assert from "node:assert/strict";
import { matches } from "./pattern.ts";

Deno.test("matches() reads the syntax of API servers", () => {
  assert.ok(matches("(?i)^(small|large)$", "LARGE"));
  assert.ok(matches("^[a-z]+\\:[0-9]+$", "a:1"));
  assert.ok(matches("b", "abc"), "anywhere in the text");
  assert.ok(!matches("^b", "abc"));
  assert.ok(matches("^(", "what no API server would take says nothing"));
});

Deno.test("matches() has an end, where engines that try all ways have none", () => {
  assert.ok(!matches("^([a-z0-9]+[.]?)+@example\\.com$", "a".repeat(200)));
});
