/** What one object may be written in a while; far more than work ever takes. */
const LIMIT = 60;
const WINDOW_MS = 30_000;

/**
 * Notices when somebody else keeps undoing what we write, e.g. a second backend with other settings, so that the two
 * do not keep the API server busy with their quarrel.
 */
export class WriteGuard {
  readonly #windows = new Map<string, { startedAt: number; writes: number }>();

  /** @returns milliseconds until something may be written for this key again; 0 when nothing is wrong */
  pauseMs(key: string, now: Date): number {
    const window = this.#windows.get(key);
    if (!window) return 0;
    const restMs = window.startedAt + WINDOW_MS - now.getTime();
    if (restMs <= 0) this.#windows.delete(key);
    return restMs > 0 && window.writes >= LIMIT ? restMs : 0;
  }

  /** To be called after each write. */
  count(key: string, now: Date): void {
    const window = this.#windows.get(key);
    if (window && window.startedAt + WINDOW_MS > now.getTime()) window.writes++;
    else this.#windows.set(key, { startedAt: now.getTime(), writes: 1 });
  }

  /** The key's object is gone. */
  forget(key: string): void {
    this.#windows.delete(key);
  }
}

/** For the log, when `pauseMs` is not 0. */
export const QUARREL = "somebody else keeps changing rights back; does another backend run on this cluster?";
