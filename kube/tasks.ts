/**
 * Work with one owner: it ends when the parent's signal fires or the group is disposed of, and one task that fails
 * unasked ends the others.
 */
export class TaskGroup implements AsyncDisposable {
  readonly #own = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #onFailure: (error: unknown) => void;
  readonly #unfollow: () => void;

  /** @param onFailure called with what the first failing task threw, which is a defect or a lost precondition */
  constructor(onFailure: (error: unknown) => void, parent: AbortSignal) {
    this.#onFailure = onFailure;
    const follow = () => this.#own.abort(parent.reason);
    parent.addEventListener("abort", follow, { once: true });
    if (parent.aborted) follow();
    this.#unfollow = () => parent.removeEventListener("abort", follow);
  }

  get signal(): AbortSignal {
    return this.#own.signal;
  }

  run(task: (signal: AbortSignal) => Promise<unknown>): void {
    const running = this.#settle(task).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unfollow();
    this.#own.abort(new DOMException("closed", "AbortError"));
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async #settle(task: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
    try {
      await task(this.signal);
    } catch (error) {
      if (this.signal.aborted) return;
      this.#own.abort(error);
      this.#onFailure(error);
    }
  }
}

/**
 * Runs what `start` starts, until the signal fires or a task fails.
 *
 * @throws what the failing task threw
 */
export async function runTasks(start: (tasks: TaskGroup) => void | Promise<void>, signal: AbortSignal): Promise<void> {
  let failure: { error: unknown } | undefined;
  {
    await using tasks = new TaskGroup((error) => failure ??= { error }, signal);
    const ended = Promise.withResolvers<void>();
    tasks.signal.addEventListener("abort", () => ended.resolve(), { once: true });
    tasks.run(async () => await start(tasks));
    if (!tasks.signal.aborted) await ended.promise;
  }
  if (failure) throw failure.error;
}

/** Settles when the signal fires, and never fails. */
export function fired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
