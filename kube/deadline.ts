/**
 * A signal that fires with `parent`, or with a `TimeoutError` when `ms` have passed; `extend` starts the time again.
 * Unlike `AbortSignal.any` it leaves nothing behind on a parent that lives as long as the process.
 */
export class Deadline implements Disposable {
  readonly #controller = new AbortController();
  readonly #ms: number;
  readonly #parent: AbortSignal;
  readonly #follow = () => this.#controller.abort(this.#parent.reason);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #dueMs = 0;

  constructor(ms: number, parent: AbortSignal) {
    this.#ms = ms;
    this.#parent = parent;
    if (parent.aborted) this.#follow();
    else parent.addEventListener("abort", this.#follow, { once: true });
    this.extend();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Costs next to nothing, so that every event of a watch may call it: the timer finds out when it fires. */
  extend(): void {
    this.#dueMs = performance.now() + this.#ms;
    if (!this.signal.aborted) this.#timer ??= setTimeout(this.#check, this.#ms);
  }

  readonly #check = () => {
    const leftMs = this.#dueMs - performance.now();
    if (leftMs > 0) this.#timer = setTimeout(this.#check, leftMs);
    else this.#controller.abort(new DOMException(`no answer within ${this.#ms / 1000} s`, "TimeoutError"));
  };

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#parent.removeEventListener("abort", this.#follow);
  }
}
