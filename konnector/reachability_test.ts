import assert from "node:assert/strict";
import fc from "fast-check";
import { FakeClock } from "../tests/fake_clock.ts";
import { Reachability } from "./reachability.ts";

type Trouble = string | undefined;

/** What is told when two watches are in such trouble, each time for a second, in the order in which it changes. */
async function told(seconds: readonly (readonly [Trouble, Trouble])[]): Promise<Trouble[]> {
  const clock = new FakeClock();
  const watched: { isSynced: boolean; trouble: Trouble }[] = [
    { isSynced: true, trouble: undefined },
    { isSynced: false, trouble: undefined },
  ];
  const reach = new Reachability(watched, clock);
  const heard = [reach.trouble];
  const stop = new AbortController();
  const following = reach.follow(() => heard.push(reach.trouble), stop.signal).catch(() => {});
  for (const troubles of seconds) {
    for (const [index, trouble] of troubles.entries()) watched[index]!.trouble = trouble;
    await clock.advance(1000);
    assert.equal(heard.at(-1), reach.trouble, "whoever was told knows what anybody who asks would hear");
  }
  stop.abort();
  await following;
  return heard;
}

const lasting = (seconds: number, ...troubles: [Trouble, Trouble]) => Array(seconds).fill(troubles);

Deno.test("nobody is left with old news of a cluster, however its watches come and go", async () => {
  const trouble = fc.constantFrom(undefined, undefined, "connection refused", "401 Unauthorized");
  const part = fc.tuple(fc.nat(12), trouble, trouble).map(([seconds, ...troubles]) => lasting(seconds, ...troubles));
  await fc.assert(fc.asyncProperty(fc.array(part, { maxLength: 8 }), async (parts) => {
    const heard = await told([...parts.flat(), ...lasting(5, undefined, undefined)]);
    assert.equal(heard.at(-1), undefined);
  }));
});

Deno.test("trouble is told when it lasts, and what becomes of it, but nothing that passes", async () => {
  const none = lasting(3, undefined, undefined);
  assert.deepEqual(await told([...none, ...lasting(4, "refused", "refused"), ...none, ...none]), [undefined]);
  const parts = [lasting(30, "refused", "gone"), lasting(30, undefined, "401"), none, none];
  assert.deepEqual(await told(parts.flat()), [undefined, "refused", "401", undefined]);
});
