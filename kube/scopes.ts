import type { Scope } from "./informer.ts";
import type { ObjectKey } from "./types.ts";

/** The scope that holds one object alone. */
export const scopeOf = ({ namespace, name }: ObjectKey): Scope => ({
  namespace,
  fieldSelector: `metadata.name=${name.replace(/[\\,=]/g, "\\$&")}`, // whoever wrote the name may not know what a name is
});

/** The scopes one informer watches, as they come and go. */
export class Scopes implements AsyncDisposable {
  readonly #watch: (scope: Scope, signal: AbortSignal) => Promise<void>;
  readonly #open = new Map<string, { own: AbortController; ended: Promise<void> }>();
  /** Ends of scopes that were dropped: a scope opens again only after its last watch has left the store. */
  readonly #ending = new Map<string, Promise<void>>();

  constructor(informer: { watch(scope: Scope, signal: AbortSignal): Promise<void> }) {
    this.#watch = (scope, signal) => informer.watch(scope, signal);
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
    const ended = (async () => {
      if (before) await before; // else the informer knows of it at once
      if (!own.signal.aborted) await this.#watch(scope, own.signal);
    })();
    this.#open.set(id, { own, ended });
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
