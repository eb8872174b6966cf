import { equal } from "node:assert/strict";
import { WriteGuard } from "./write_guard.ts";

const at = (seconds: number) => new Date(seconds * 1000);

Deno.test("WriteGuard leaves work alone, and pauses a quarrel until its half minute is over", () => {
  const guard = new WriteGuard();
  for (let second = 0; second < 20; second++) {
    equal(guard.pauseMs("a", at(second)), 0);
    for (let write = 0; write < 3; write++) guard.count("a", at(second));
  }
  equal(guard.pauseMs("a", at(20)), 10_000);
  equal(guard.pauseMs("b", at(20)), 0);
  equal(guard.pauseMs("a", at(30)), 0);
  guard.count("a", at(31));
  equal(guard.pauseMs("a", at(31)), 0);
});

Deno.test("WriteGuard does not mind many writes over a long time", () => {
  const guard = new WriteGuard();
  for (let second = 0; second < 1000; second++) {
    equal(guard.pauseMs("a", at(second)), 0);
    guard.count("a", at(second));
  }
});
