/**
 * Does something with every item, some at a time.
 *
 * @throws what the first action to fail threw, after those under way have ended
 */
export async function parallel<T>(
  items: Iterable<T>,
  concurrency: number,
  action: (item: T, signal: AbortSignal) => Promise<unknown>,
  signal: AbortSignal,
): Promise<void> {
  const rest = items[Symbol.iterator]();
  let failed = false;
  const work = async () => {
    try {
      for (let next = rest.next(); !next.done && !failed; next = rest.next()) await action(next.value, signal);
    } catch (error) {
      failed = true;
      throw error;
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: concurrency }, work));
  const broken = workers.find((worker) => worker.status === "rejected");
  if (broken) throw broken.reason;
  signal.throwIfAborted();
}
