const TOLERATED_MS = 30_000;

/** Whether two clocks differ by more than the way of an answer explains. */
export const isSkewed = (differenceMs: number): boolean => Math.abs(differenceMs) > TOLERATED_MS;
