import type { Scope } from "./informer.ts";
import type { TaskGroup } from "./tasks.ts";
import type { ObjectKey } from "./types.ts";

/** The scope that holds one object alone. */
export const scopeOf = ({ namespace, name }: ObjectKey): Scope => ({
  namespace,
  fieldSelector: `metadata.name=${name.replace(/[\\,=]/g, "\\$&")}`, // whoever wrote the name may not know what a name is
});

/** The scopes one informer watches, as they come and go, at most as long as a group of tasks; a failure is the group's. */
export class Scopes implements AsyncDisposable {
  readonly #watch: (scope: Scope, signal: AbortSignal) => Promise<void>;
  readonly #tasks: Pick<TaskGroup, "run">;
  readonly #open = new Map<string, { own: AbortController; ended: Promise<void> }>();
  /** Ends of scopes that were dropped: a scope opens again only after its last watch has left the store. */
  readonly #ending = new Map<string, Promise<void>>();

  constructor(
    informer: { watch(scope: Scope, signal: AbortSignal): Promise<void> },
    tasks: Pick<TaskGroup, "run">,
  ) {
    this.#watch = (scope, signal) => informer.watch(scope, signal);
    this.#tasks = tasks;
  }

  get ids(): Iterable<string> {
    return this.#open.keys();
  }

  get size(): number {
    return this.#open.size;
  }

  /** Starts to watch, unless this id is watched already. */
  add(id: string, scope: Scope): void {
    if (this.#open.has(id)) return;
    const own = new AbortController();
    const before = this.#ending.get(id);
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    this.#open.set(id, { own, ended });
    this.#tasks.run(async (signal) => {
      const follow = () => own.abort(signal.reason);
      signal.addEventListener("abort", follow, { once: true });
      try {
        if (before) await before; // else the informer knows of it at once
        if (!own.signal.aborted && !signal.aborted) await this.#watch(scope, own.signal);
      } finally {
        signal.removeEventListener("abort", follow);
        resolve();
      }
    });
  }

  drop(id: string): void {
    const scope = this.#open.get(id);
    if (!scope) return;
    this.#open.delete(id);
    scope.own.abort(new DOMException("scope dropped", "AbortError"));
    const ending = scope.ended.finally(() => {
      if (this.#ending.get(id) === ending) this.#ending.delete(id);
    });
    this.#ending.set(id, ending);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const id of [...this.#open.keys()]) this.drop(id);
    await Promise.all(this.#ending.values());
  }
}
