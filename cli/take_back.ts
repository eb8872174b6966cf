import type { Api } from "../kube/api.ts";
import { messageOf } from "../kube/errors.ts";
import { formatKey, type KubeObject } from "../kube/types.ts";
import type { Terminal } from "./terminal.ts";

/** What is begun is brought to its end, so that nothing is made without our knowing. */
const MAKE_MS = 10_000;
const UNDO_MS = 30_000;

interface Made {
  /** E.g. `Secret klutch-bind/kubeconfig-x7k2p`. */
  what: string;
  undo: (signal: AbortSignal) => Promise<unknown>;
}

/**
 * What a command has made on its way. Unless it comes to its end and calls `keep`, disposing takes all of it back, the
 * newest first; what was there before is not touched.
 */
export class TakeBack implements AsyncDisposable {
  readonly #terminal: Pick<Terminal, "say">;
  readonly #needed = new DisposableStack();
  #made: Made[] = [];

  constructor(terminal: Pick<Terminal, "say">) {
    this.#terminal = terminal;
  }

  /** Keeps what taking back needs, e.g. a connection, for as long as that may come. */
  use<T extends Disposable>(resource: T): T {
    return this.#needed.use(resource);
  }

  /**
   * Makes something, and remembers how to take it back. An interruption counts before and after, not meanwhile.
   *
   * @param make returns undefined when there was nothing to make
   */
  async make<T>(
    make: (signal: AbortSignal) => Promise<T | undefined>,
    undoOf: (made: T) => Made,
    signal: AbortSignal,
  ): Promise<T | undefined> {
    signal.throwIfAborted();
    const made = await make(AbortSignal.timeout(MAKE_MS));
    if (made !== undefined) this.add(undoOf(made));
    signal.throwIfAborted();
    return made;
  }

  /** As `make`, for an object that is taken back by deleting it, unless somebody has put another one in its place. */
  async create<T extends KubeObject>(
    api: Api<T>,
    create: (signal: AbortSignal) => Promise<T | undefined>,
    signal: AbortSignal,
  ): Promise<T | undefined> {
    const undoOf = ({ kind, metadata }: T): Made => ({
      what: `${kind} ${formatKey(metadata)}`,
      undo: (signal) => api.delete(metadata, { uid: metadata.uid }, signal),
    });
    return await this.make(create, undoOf, signal);
  }

  add(made: Made): void {
    this.#made.push(made);
  }

  /** From now on, all of it stays. */
  keep(): void {
    this.#made = [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let last = this.#made.pop(); last; last = this.#made.pop()) {
      try {
        await last.undo(AbortSignal.timeout(UNDO_MS));
        this.#terminal.say(`↩️ Took back ${last.what}`);
      } catch (error) {
        const left = [last, ...this.#made.toReversed()].map(({ what }) => what).join(", ");
        this.#terminal.say(`⚠️ Cannot take back ${left}: ${messageOf(error)}`);
        this.#made = []; // what was made before may be needed by what stays
      }
    }
    this.#needed.dispose();
  }
}
