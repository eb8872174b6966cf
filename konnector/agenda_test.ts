import assert from "node:assert/strict";
import type { Change, Informer } from "../kube/informer.ts";
import { Store } from "../kube/store.ts";
import { type DynamicObject, formatKey, keyOf } from "../kube/types.ts";
import { mapNamespaces, mappedNamespaceIndex } from "../sync/mapping.ts";
import type { APIServiceNamespace } from "../crds/api_service_namespace.ts";
import { mangoDb } from "../tests/mangodb.ts";
import { Agenda } from "./agenda.ts";
import { type Digest, digestConsumer } from "./digest.ts";

/** What an agenda needs of an informer that has listed everything. */
function listed() {
  const store = new Store<Digest>();
  let tell: (change: Change<Digest, DynamicObject>) => void = () => {};
  const informer = {
    store,
    subscribe: (listener: typeof tell) => tell = listener,
    isListed: () => true,
    isComplete: true,
  };
  return {
    informer: informer as unknown as Informer<DynamicObject, Digest>,
    happen(object: DynamicObject, isThere: boolean) {
      const key = keyOf(object);
      const before = store.get(key);
      const after = isThere ? digestConsumer(object) : undefined;
      if (after) store.set(key, after);
      else store.delete(key);
      tell({ key, before, after, ...(isThere && { object }), fresh: true });
    },
  };
}

Deno.test("of an object that is gone before its namespace has a counterpart, nothing is kept", () => {
  const [consumer, provider] = [listed(), listed()];
  const settled: string[] = [];
  const agenda = new Agenda({
    consumer: consumer.informer,
    provider: provider.informer,
    mapping: mapNamespaces(new Store<APIServiceNamespace>(mappedNamespaceIndex), "cluster-x"),
    isDeletionKnown: () => false,
    onChange: () => {},
    onSettled: (key) => settled.push(formatKey(key)),
  }, new AbortController().signal);
  agenda.open();
  const object = mangoDb("example.com", { namespace: "team", name: "brief" });
  const key = keyOf(object);
  consumer.happen(object, true);
  assert.ok(agenda.inHand.consumer.get("team/brief", undefined));
  consumer.happen(object, false);
  assert.ok(agenda.isDeletionKnown(key));
  agenda.forget(key);
  assert.equal(agenda.inHand.consumer.get("team/brief", undefined), undefined);
  assert.equal(agenda.isDeletionKnown(key), false);
  assert.equal(agenda.delivered("consumer", key), undefined);
  assert.deepEqual(settled, ["team/brief"]);
});
