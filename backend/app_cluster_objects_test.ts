import { deepEqual, equal, match, notEqual } from "node:assert/strict";
import { exportRequestNames, ownerLabels, ownerTerm, ownerTermOf } from "./app_cluster_objects.ts";
import { appClusterBinding } from "./test_objects.ts";

const names: [binding: string, template: string, want: string][] = [
  ["orders", "postgresqlinstances", "appclusterbinding-orders-postgresqlinstances-d4d47a19"],
  ["My.Orders", "a_b", "appclusterbinding-my-orders-a-b-1ba46871"],
  ["orders", "foobar", "appclusterbinding-orders-foobar-bf9cf968"], // a test vector of the hash
  ["---", "", "appclusterbinding-binding-export-811c9dc5"],
];
for (const [binding, template, want] of names) {
  Deno.test(`exportRequestNames() of "${binding}" and "${template}" begin with ${want}`, () => {
    equal(exportRequestNames(binding, template, "any.example.com")[0], want);
  });
}

Deno.test("exportRequestNames() are never longer than a label, and differ by template, and by API", () => {
  const names = ["-one", "-other"].flatMap((end) =>
    ["widgets", "gadgets"].flatMap((api) => exportRequestNames("b".repeat(80), "t".repeat(80) + end, `${api}.test`))
  );
  for (const name of names) match(name, /^appclusterbinding-b{24}-t+-[0-9a-f]{8}$/);
  for (const name of names) equal(name.length, 63);
  equal(new Set(names).size, 4); // a plain one for each template, and one for each API
});

Deno.test("what was made for an AppClusterBinding is found by both labels, and by both only", () => {
  const key = { namespace: "default", name: "test" };
  const labelled = (labels: Record<string, string>) => {
    const object = appClusterBinding("root", "any");
    return ownerTerm({ ...object, metadata: { ...object.metadata, labels } });
  };
  const labels = ownerLabels(key);
  equal(labelled(labels), ownerTermOf(key));
  equal(labelled({}), undefined);
  for (const one of Object.keys(labels)) equal(labelled({ [one]: labels[one]! }), undefined);
});

Deno.test("ownerLabels() fit into labels, and differ where names do", () => {
  const long = (end: string) => ({ namespace: "default", name: "n".repeat(100) + end });
  const [one, other] = [ownerLabels(long("1")), ownerLabels(long("2"))];
  for (const value of Object.values(one)) match(value, /^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/);
  notEqual(ownerTermOf(long("1")), ownerTermOf(long("2")));
  deepEqual(Object.keys(one), Object.keys(other));
});
