import { formatKey, type ObjectKey } from "./types.ts";

/** Values under which an entry can be found besides its key, e.g. the namespace it is mapped to. */
export type Indexers<V> = Readonly<Record<string, (value: V, key: ObjectKey) => Iterable<string>>>;

/** Name of the index that `namespaceIndexer` makes. */
export const BY_NAMESPACE = "namespace";
/** Finds what is in one namespace without looking at everything. */
export const namespaceIndexer = { [BY_NAMESPACE]: (_value: unknown, { namespace = "" }: ObjectKey) => [namespace] };

/** What is known of one resource, by key; entries are replaced, never changed. */
export class Store<V> {
  readonly #entries = new Map<string, { key: ObjectKey; value: V }>();
  readonly #indexers: Indexers<V>;
  readonly #indexes = new Map<string, Map<string, Set<string>>>();

  constructor(indexers: Indexers<V> = {}) {
    this.#indexers = indexers;
    for (const name of Object.keys(indexers)) this.#indexes.set(name, new Map());
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: ObjectKey): V | undefined {
    return this.#entries.get(formatKey(key))?.value;
  }

  *keys(): Iterable<ObjectKey> {
    for (const { key } of this.#entries.values()) yield key;
  }

  *list(namespace?: string): Iterable<V> {
    for (const { key, value } of this.#entries.values()) {
      if (namespace === undefined || key.namespace === namespace) yield value;
    }
  }

  /** @throws {RangeError} when the store has no such index */
  by(index: string, term: string): V[] {
    return this.keysBy(index, term).map((key) => this.get(key)!);
  }

  /** @throws {RangeError} when the store has no such index */
  keysBy(index: string, term: string): ObjectKey[] {
    const terms = this.#indexes.get(index);
    if (!terms) throw new RangeError(`Cannot look up by "${index}": the store has no such index`);
    return Array.from(terms.get(term) ?? [], (text) => this.#entries.get(text)!.key);
  }

  set(key: ObjectKey, value: V): void {
    const text = formatKey(key);
    this.#unindex(text);
    this.#entries.set(text, { key, value });
    for (const [name, terms] of this.#indexes) {
      for (const term of this.#indexers[name]!(value, key)) {
        const keys = terms.get(term);
        if (keys) keys.add(text);
        else terms.set(term, new Set([text]));
      }
    }
  }

  delete(key: ObjectKey): void {
    const text = formatKey(key);
    this.#unindex(text);
    this.#entries.delete(text);
  }

  #unindex(text: string): void {
    const entry = this.#entries.get(text);
    if (!entry) return;
    for (const [name, terms] of this.#indexes) {
      for (const term of this.#indexers[name]!(entry.value, entry.key)) {
        const keys = terms.get(term);
        keys?.delete(text);
        if (keys?.size === 0) terms.delete(term);
      }
    }
  }
}
