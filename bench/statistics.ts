/**
 * The value that `percent` of all values do not exceed (nearest rank), so that it always is one that was measured.
 *
 * @param percent above 0, up to 100
 * @throws {RangeError} without any value
 */
export function percentile(values: readonly number[], percent: number): number {
  if (!(percent > 0 && percent <= 100)) throw new RangeError(`Cannot take percentile ${percent}: it is from 0 to 100`);
  const sorted = values.toSorted((a, b) => a - b);
  const found = sorted[Math.ceil(sorted.length * percent / 100) - 1];
  if (found === undefined) throw new RangeError(`Cannot take percentile ${percent}: there are no values`);
  return found;
}

/** Events per second between the first and the last of these moments; undefined where there is no such time. */
export function rateBetween(momentsMs: Iterable<number>): number | undefined {
  const moments = [...momentsMs].toSorted((a, b) => a - b);
  const seconds = (moments.at(-1)! - moments[0]!) / 1000;
  return seconds > 0 ? (moments.length - 1) / seconds : undefined;
}

/** Events per second from `startMs` to the last of these moments; undefined when there was none. */
export function rateSince(startMs: number, momentsMs: Iterable<number>): number | undefined {
  const moments = [...momentsMs];
  const seconds = (moments.reduce((a, b) => Math.max(a, b), startMs) - startMs) / 1000;
  return seconds > 0 ? moments.length / seconds : undefined;
}
