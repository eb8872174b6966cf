import assert from "node:assert/strict";
import fc from "fast-check";
import { Store } from "./store.ts";
import { formatKey, type ObjectKey } from "./types.ts";

interface Value {
  owner: string;
  labels: string[];
}

const newStore = () =>
  new Store<Value>({
    owner: ({ owner }) => [owner],
    label: ({ labels }) => labels,
    lengthOfName: (_, { name }) => [String(name.length)],
  });

Deno.test("after 100,000 random events the store and its indexes hold what a plain map holds", () => {
  const namespaces = ["a", "b", undefined];
  const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)]!;
  const store = newStore();
  const model = new Map<string, { key: ObjectKey; value: Value }>();
  const labels = ["red", "green", "blue"];
  for (let event = 0; event < 100_000; event++) {
    const namespace = pick(namespaces);
    const key: ObjectKey = { ...(namespace && { namespace }), name: `n${Math.floor(Math.random() * 30)}` };
    if (Math.random() < 0.4) {
      store.delete(key);
      model.delete(formatKey(key));
    } else {
      const value = { owner: pick(["x", "y"]), labels: labels.filter(() => Math.random() < 0.5) };
      store.set(key, value);
      model.set(formatKey(key), { key, value });
    }
    if (event % 1000 === 0) compare(store, model);
  }
  compare(store, model);
});

function compare(store: Store<Value>, model: Map<string, { key: ObjectKey; value: Value }>): void {
  const entries = [...model.values()];
  const sorted = (keys: Iterable<ObjectKey>) => Array.from(keys, formatKey).sort();
  assert.equal(store.size, model.size);
  assert.deepEqual(sorted(store.keys()), [...model.keys()].sort());
  for (const { key, value } of entries) assert.equal(store.get(key), value);
  for (const namespace of ["a", "b", "c"]) {
    assert.deepEqual(
      new Set(store.list(namespace)),
      new Set(entries.filter(({ key }) => key.namespace === namespace).map(({ value }) => value)),
    );
  }
  assert.equal([...store.list()].length, model.size);
  const terms: [string, string, (value: Value, key: ObjectKey) => boolean][] = [
    ["owner", "x", ({ owner }) => owner === "x"],
    ["owner", "z", () => false],
    ["label", "red", ({ labels }) => labels.includes("red")],
    ["lengthOfName", "2", (_, { name }) => name.length === 2],
  ];
  for (const [index, term, holds] of terms) {
    const expected = entries.filter(({ key, value }) => holds(value, key));
    assert.deepEqual(sorted(store.keysBy(index, term)), sorted(expected.map(({ key }) => key)));
    assert.deepEqual(new Set(store.by(index, term)), new Set(expected.map(({ value }) => value)));
  }
}

Deno.test("an index that finds the same term twice in one value lists it once", () => {
  const store = newStore();
  store.set({ name: "a" }, { owner: "x", labels: ["red", "red"] });
  assert.equal(store.by("label", "red").length, 1);
  store.set({ name: "a" }, { owner: "x", labels: [] });
  assert.deepEqual(store.by("label", "red"), []);
});

Deno.test("any sequence of changes leaves no trace of what is gone", () => {
  const change = fc.record({
    name: fc.constantFrom("a", "b"),
    value: fc.option(fc.record({ owner: fc.string(), labels: fc.array(fc.string()) })),
  });
  fc.assert(fc.property(fc.array(change), (changes) => {
    const store = newStore();
    for (const { name, value } of changes) {
      if (value) store.set({ name }, value);
      else store.delete({ name });
    }
    for (const { value } of changes) {
      for (const label of value?.labels ?? []) {
        assert.ok(store.by("label", label).every((found) => found.labels.includes(label)));
      }
    }
  }));
});

Deno.test("an index that does not exist is a programmer's mistake", () => {
  assert.throws(() => newStore().by("colour", "red"), /RangeError: Cannot look up by "colour"/);
});
