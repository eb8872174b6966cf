import { type Clock, systemClock } from "./kube/clock.ts";

/** What V8 keeps JavaScript's objects in. */
export interface Heap {
  usedBytes(): number;
  /** Collects all garbage, and gives back what is free. */
  collect(): void;
}

const LOOK_EVERY_MS = 10_000;
/** A heap that changes by less between two looks belongs to a program at rest. */
const STEADY_BYTES = 2 ** 20;
/** What is worth the fifth of a second that a collection takes. */
const WORTHWHILE_BYTES = 8 * 2 ** 20;

/**
 * Collects garbage once much work is done, until it is disposed: V8 does so only while new objects are made, and would
 * keep after a burst what the burst needed.
 *
 * @param heap V8's own, where the program was compiled to reach it; nothing is done elsewhere
 */
export function collectWhenIdle(heap: Heap | undefined = v8Heap(), clock: Clock = systemClock): Disposable {
  let lastBytes = Infinity;
  let collectedBytes = 0;
  const look = (heap: Heap) => {
    const bytes = heap.usedBytes();
    collectedBytes = Math.min(collectedBytes, bytes);
    if (Math.abs(bytes - lastBytes) < STEADY_BYTES && bytes > collectedBytes + WORTHWHILE_BYTES) {
      heap.collect();
      collectedBytes = heap.usedBytes();
    }
    lastBytes = heap.usedBytes();
    cancel = clock.after(LOOK_EVERY_MS, () => look(heap));
  };
  let cancel = () => {};
  if (heap) look(heap);
  return { [Symbol.dispose]: () => cancel() };
}

/** V8's own function; the flavor makes it close the gaps between objects, too, as it would before running out of memory. */
type Gc = (options: { type: "major"; execution: "sync"; flavor: "last-resort" }) => void;

/** There with V8's flag `--expose-gc` only. */
function v8Heap(): Heap | undefined {
  const { gc } = globalThis as { gc?: Gc };
  return gc && {
    usedBytes: () => Deno.memoryUsage().heapUsed,
    collect: () => gc({ type: "major", execution: "sync", flavor: "last-resort" }),
  };
}
