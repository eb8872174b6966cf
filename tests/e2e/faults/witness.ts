import { SYNC_FINALIZER } from "../../../crds/names.ts";
import { TaskGroup } from "../../../kube/tasks.ts";
import {
  type DynamicObject,
  formatKey,
  hasFinalizer,
  isDeleting,
  keyOf,
  type ObjectKey,
  parseKey,
} from "../../../kube/types.ts";
import { watchObjects } from "../../../kube/watch.ts";
import { type Kind, onConsumer, onProvider } from "./kind.ts";

/** One object from its first to its last sight; moments are `performance.now()`. */
interface Life {
  uid: string;
  fromMs: number;
  deletingMs?: number;
  toMs?: number;
  /** It carried our finalizer at some time. */
  wasHeld: boolean;
}

/** Two watches tell of the same moment so far apart at most. */
const BLUR_MS = 2_000;

/** What an API server that restarts has told is late by this much at most. */
const BLIND_MS = 10_000;

/** Watches both clusters without the network in between, and knows afterwards whether anything unsafe was done. */
export class Witness implements AsyncDisposable {
  readonly #tasks: TaskGroup;
  readonly #kinds: readonly Kind[];
  readonly #lives = { consumer: new Map<string, Life[]>(), provider: new Map<string, Life[]>() };
  readonly #restartsMs: number[] = [];
  #failure: unknown;

  constructor(kinds: readonly Kind[], signal: AbortSignal) {
    this.#kinds = kinds;
    this.#tasks = new TaskGroup((error) => this.#failure = error, signal);
    for (const kind of kinds) {
      for (const side of ["consumer", "provider"] as const) {
        this.#tasks.run((signal) => this.#watch(kind, side, signal));
      }
    }
  }

  /**
   * What was done that must never be done, a line each.
   *
   * @param deletedByOperators uids on the provider that somebody else has deleted
   */
  violations(deletedByOperators: ReadonlySet<string>): string[] {
    if (this.#failure) throw this.#failure;
    return this.#kinds.flatMap((kind) => [
      ...this.#deletedUnderTheLiving(kind, deletedByOperators),
      ...this.#releasedTooEarly(kind),
    ]);
  }

  /** How many objects it has seen go, so that nobody takes a blind witness for a good sign. */
  get ends(): number {
    return [...this.#lives.consumer.values()].flat().filter(({ toMs }) => toMs !== undefined).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tasks[Symbol.asyncDispose]();
  }

  async #watch(kind: Kind, side: "consumer" | "provider", signal: AbortSignal): Promise<void> {
    const lives = this.#lives[side];
    const prefix = `${kind.name} `;
    let listed: Set<string> | undefined;
    for await (const notice of watchObjects(kind[side], {}, signal)) {
      const now = performance.now();
      if (notice.type === "restart") {
        listed = new Set();
        this.#restartsMs.push(now);
      } else if (notice.type === "synced") {
        for (const [place, known] of lives) {
          const last = known.at(-1);
          if (place.startsWith(prefix) && last && !listed?.has(last.uid)) last.toMs ??= now;
        }
        listed = undefined;
        this.#restartsMs.push(now);
      } else {
        listed?.add(notice.object.metadata.uid!);
        see(lives, prefix + formatKey(keyOf(notice.object)), notice.object, notice.type === "delete", now);
      }
    }
  }

  #deletedUnderTheLiving(kind: Kind, deletedByOperators: ReadonlySet<string>): string[] {
    return this.#livesOf(kind, "provider").flatMap(({ place, life: { uid, deletingMs, toMs } }) => {
      const atMs = deletingMs ?? toMs;
      const key = onConsumer(kind, place);
      if (atMs === undefined || !key || deletedByOperators.has(uid) || this.#isBlind(atMs)) return [];
      const living = this.#at(kind, "consumer", formatKey(key), atMs, (life) => life.deletingMs ?? life.toMs);
      return living ? [`${formatKey(key)} was deleted on the provider while it lived on the consumer`] : [];
    });
  }

  #releasedTooEarly(kind: Kind): string[] {
    return this.#livesOf(kind, "consumer").flatMap(({ place, life: { toMs, wasHeld } }) => {
      if (toMs === undefined || !wasHeld || this.#isBlind(toMs)) return [];
      const counterpart = formatKey(onProvider(kind, place));
      const living = this.#at(kind, "provider", counterpart, toMs, (life) => life.toMs);
      return living ? [`${formatKey(place)} was released while its counterpart lived on the provider`] : [];
    });
  }

  /** Whether an object was there well before and well after a moment. */
  #at(
    { name }: Kind,
    side: "consumer" | "provider",
    place: string,
    atMs: number,
    endOf: (life: Life) => number | undefined,
  ): boolean {
    return (this.#lives[side].get(`${name} ${place}`) ?? []).some((life) =>
      life.fromMs < atMs - BLUR_MS && (endOf(life) ?? Infinity) > atMs + BLUR_MS
    );
  }

  #livesOf(kind: Kind, side: "consumer" | "provider"): { place: ObjectKey; life: Life }[] {
    const prefix = `${kind.name} `;
    return [...this.#lives[side]].filter(([place]) => place.startsWith(prefix)).flatMap(([place, lives]) =>
      lives.map((life) => ({ place: parseKey(place.slice(prefix.length)), life }))
    );
  }

  #isBlind(atMs: number): boolean {
    return this.#restartsMs.some((restart) => Math.abs(restart - atMs) < BLIND_MS);
  }
}

function see(lives: Map<string, Life[]>, place: string, object: DynamicObject, isGone: boolean, now: number): void {
  const known = lives.get(place) ?? [];
  lives.set(place, known);
  const uid = object.metadata.uid!;
  const before = known.at(-1);
  if (before?.uid !== uid) {
    if (before) before.toMs ??= now;
    known.push({ uid, fromMs: now, wasHeld: false });
  }
  const life = known.at(-1)!;
  if (isDeleting(object)) life.deletingMs ??= now;
  life.wasHeld ||= hasFinalizer(object, SYNC_FINALIZER);
  if (isGone) life.toMs = now;
}
