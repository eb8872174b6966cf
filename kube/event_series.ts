import type { Clock } from "./clock.ts";
import { redactText } from "./redact.ts";
import { TokenBucket } from "./token_bucket.ts";
import type { KubeObject } from "./types.ts";

/** What `kubectl describe` shows below an object. */
export interface EventDetails {
  type: "Normal" | "Warning";
  /** One word in CamelCase for machines. */
  reason: string;
  /** A sentence for people. */
  message: string;
}

/** The object an Event is about. */
export interface ObjectReference {
  apiVersion: string;
  kind: string;
  namespace?: string;
  name: string;
  uid?: string;
  resourceVersion?: string;
}

/** One Event object and how often what it says has happened. */
export interface Occurrence {
  about: ObjectReference;
  details: EventDetails;
  /** Name of the Event object. */
  name: string;
  firstAt: Date;
  lastAt: Date;
  count: number;
  isWritten: boolean;
}

// As in client-go, so that our Events look and weigh like those of other controllers.
const SIMILAR_MS = 10 * 60_000;
const MAX_SIMILAR = 10;
const WRITES_PER_OBJECT = { burst: 25, perSecond: 1 / (5 * 60) };
/** Events and objects remembered; a forgotten one starts anew with a count of 1. */
const MAX_REMEMBERED = 4096;
const MAX_MESSAGE = 1024;

/**
 * Merges events: the same about the same object counts up, more than ten different ones with one reason within ten
 * minutes become one. And bounds their writes: 25 per object, then one every five minutes.
 */
export class EventSeries {
  readonly #clock: Clock;
  readonly #occurrences = new Recent<Occurrence>();
  readonly #similar = new Recent<{ sinceMs: number; messages: Set<string> }>();
  readonly #budgets = new Recent<TokenBucket>();
  #serial = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What now has to be written. */
  add(object: KubeObject, { type, reason, message }: EventDetails): Occurrence {
    const text = shorten(redactText(message));
    const about = referenceTo(object);
    const topic = [idOf(about), type, reason].join("\0");
    const combined = this.#isOneOfMany(topic, text);
    const details = { type, reason, message: combined ? shorten(`(combined from similar events): ${text}`) : text };
    const now = this.#clock.now();
    const known = this.#occurrences.get(combined ? topic : `${topic}\0${text}`, () => ({
      about,
      details,
      name: this.#newName(about),
      firstAt: now,
      lastAt: now,
      count: 0,
      isWritten: false,
    }));
    known.about = about;
    known.details = details;
    known.lastAt = now;
    known.count++;
    return known;
  }

  /** Milliseconds until the object's budget allows the next write, which is then spent. */
  permit({ about }: Occurrence): number {
    return this.#budgets.get(idOf(about), () => new TokenBucket(WRITES_PER_OBJECT, this.#clock)).reserve()!;
  }

  #isOneOfMany(topic: string, message: string): boolean {
    const nowMs = this.#clock.monotonicMs();
    const similar = this.#similar.get(topic, () => ({ sinceMs: nowMs, messages: new Set() }));
    if (nowMs - similar.sinceMs > SIMILAR_MS) {
      similar.sinceMs = nowMs;
      similar.messages.clear();
    }
    if (similar.messages.has(message)) return false;
    if (similar.messages.size >= MAX_SIMILAR) return true;
    similar.messages.add(message);
    return false;
  }

  /** `db.18a3f…`: the object, and something no other process comes up with. */
  #newName({ name }: ObjectReference): string {
    const unique = `${this.#clock.now().getTime().toString(16)}${(this.#serial++).toString(16).padStart(4, "0")}`;
    const random = crypto.getRandomValues(new Uint16Array(1))[0]!.toString(16).padStart(4, "0");
    const base = name.toLowerCase().replace(/[^a-z0-9.-]+/g, "-").slice(0, 220);
    return `${base.replace(/[.-]+$/, "")}.${unique}${random}`;
  }
}

function referenceTo({ apiVersion, kind, metadata }: KubeObject): ObjectReference {
  const { namespace, name, uid, resourceVersion } = metadata;
  return { apiVersion, kind, namespace, name, uid, resourceVersion };
}

const idOf = ({ apiVersion, kind, namespace, name, uid }: ObjectReference): string =>
  uid ?? [apiVersion, kind, namespace, name].join("/");

const shorten = (text: string): string => text.length <= MAX_MESSAGE ? text : `${text.slice(0, MAX_MESSAGE - 1)}…`;

/** A map that forgets what was not asked for the longest. */
class Recent<V> {
  readonly #entries = new Map<string, V>();

  get(key: string, create: () => V): V {
    const value = this.#entries.get(key) ?? create();
    this.#entries.delete(key);
    this.#entries.set(key, value);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= MAX_REMEMBERED) break;
      this.#entries.delete(oldest);
    }
    return value;
  }
}
