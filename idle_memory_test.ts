import assert from "node:assert/strict";
import { collectWhenIdle } from "./idle_memory.ts";
import { FakeClock } from "./tests/fake_clock.ts";

const MIB = 2 ** 20;

function setUp(needed: number) {
  const clock = new FakeClock();
  const heap = {
    bytes: needed * MIB,
    collections: 0,
    usedBytes: () => heap.bytes,
    collect() {
      heap.collections++;
      heap.bytes = needed * MIB;
    },
  };
  return { clock, heap, idle: collectWhenIdle(heap, clock) };
}

Deno.test("collectWhenIdle() collects after work, once, and never during it", async () => {
  const { clock, heap, idle } = setUp(20);
  using _idle = idle;
  for (let look = 0; look < 5; look++) {
    heap.bytes += 10 * MIB;
    await clock.advance(10_000);
  }
  assert.equal(heap.collections, 0);
  for (let look = 0; look < 50; look++) {
    heap.bytes += MIB / 10;
    await clock.advance(10_000);
  }
  assert.equal(heap.collections, 1);
});

Deno.test("collectWhenIdle() collects what little work leaves once it is much", async () => {
  const { clock, heap, idle } = setUp(20);
  {
    using _idle = idle;
    await clock.advance(20_000);
    assert.equal(heap.collections, 1);
    for (let look = 0; look < 20; look++) {
      heap.bytes += MIB / 2;
      await clock.advance(10_000);
    }
    assert.equal(heap.collections, 2);
  }
  assert.equal(clock.pending, 0);
});
