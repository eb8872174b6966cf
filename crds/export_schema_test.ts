import assert from "node:assert/strict";
import { parseJson } from "../kube/json.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition } from "../kube/resources.ts";
import { consumer, uniqueName, within } from "../tests/clusters.ts";
import { APIServiceExport } from "./api_service_export.ts";
import { check, InvalidObjectError } from "./check.ts";
import { sourceSpecHash, toCrdOfExport, toExportSpec } from "./export_schema.ts";
import { API_VERSION } from "./names.ts";
import { sameCrdSpec } from "./same_crd.ts";

/** A CRD with something of everything: keys in no order, values that Go leaves out or writes in another way. */
async function gadgets(change: (spec: CustomResourceDefinition["spec"]) => void = () => {}) {
  const text = await Deno.readTextFile(new URL("./testing/gadgets.json", import.meta.url));
  const crd = parseJson<CustomResourceDefinition>(text);
  change(crd.spec);
  return crd;
}

Deno.test("toExportSpec() carries names and the served versions, and nothing that binds to the provider", async () => {
  const spec = toExportSpec(await gadgets());
  assert.deepEqual(Object.keys(spec), ["group", "names", "scope", "versions"]);
  assert.deepEqual(spec.versions.map(({ name, storage }) => [name, storage]), [["v1beta1", false], ["v1", true]]);
  assert.ok(!("selectableFields" in spec.versions[1]!));
  assert.deepEqual(spec.versions[0]!.subresources, {});
});

Deno.test("toExportSpec() makes an export that passes the check of its kind", async () => {
  const { group, names, scope, versions } = toExportSpec(await gadgets());
  check(APIServiceExport.schema, {
    apiVersion: API_VERSION,
    kind: "APIServiceExport",
    metadata: { name: "gadgets.example.com" },
    spec: { group, names, scope, versions, informerScope: "Namespaced" },
  });
});

Deno.test("toExportSpec() keeps only the stored version where a webhook converts", async () => {
  const spec = toExportSpec(
    await gadgets((spec) => {
      spec.conversion = { strategy: "Webhook" };
    }),
  );
  assert.deepEqual(spec.versions.map(({ name }) => name), ["v1"]);
});

Deno.test("toExportSpec() refuses a CRD whose stored version is not served", async () => {
  const crd = await gadgets((spec) => {
    spec.versions[2]!.served = false;
  });
  assert.throws(() => toExportSpec(crd), (error) => {
    assert.ok(error instanceof InvalidObjectError);
    assert.match(error.message, /"gadgets.example.com": its storage version "v1" is not served/);
    return true;
  });
});

Deno.test("sourceSpecHash() is what Go computes, so that backends can be exchanged without rewriting exports", async () => {
  assert.equal(sourceSpecHash(toExportSpec(await gadgets())), "8UzeXP2ltCTA9Rcn6NzyQewu5lZj8H5DGB9Uze");
  const webhook = await gadgets((spec) => {
    spec.conversion = { strategy: "Webhook" };
  });
  assert.equal(sourceSpecHash(toExportSpec(webhook)), "fpgEK8O9MeQ8ERvblfBrhgu7vmKgrJ2tWQuDo");
});

Deno.test("sourceSpecHash() sees keywords that Go's structs do not know yet", async () => {
  const changed = await gadgets((spec) => {
    spec.versions[2]!.schema!.openAPIV3Schema!["x-kubernetes-later"] = true;
  });
  assert.notEqual(sourceSpecHash(toExportSpec(changed)), sourceSpecHash(toExportSpec(await gadgets())));
});

Deno.test("A CRD goes through an export to another cluster and is the same there", async () => {
  const group = `${uniqueName("export")}.example.com`;
  const crd = await gadgets((spec) => {
    spec.group = group;
  });
  const wanted = toCrdOfExport({ spec: toExportSpec(crd) });
  assert.equal(wanted.metadata.name, `gadgets.${group}`);

  using cluster = await consumer();
  const crds = cluster.client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS);
  const created = await crds.create(wanted, within(10_000));
  try {
    assert.ok(sameCrdSpec(created.spec, wanted.spec), "a second pass would write again");
    assert.equal(
      sourceSpecHash(toExportSpec(created)),
      sourceSpecHash(toExportSpec(crd)),
      "what arrived is not what was sent",
    );
    const changed = structuredClone({ ...wanted.spec, versions: [] as unknown[] });
    assert.ok(!sameCrdSpec(created.spec, changed as typeof wanted.spec));
    const described = JSON.parse(JSON.stringify(wanted.spec)) as typeof wanted.spec;
    described.versions[1]!.schema!.openAPIV3Schema!.description = "another";
    assert.ok(!sameCrdSpec(created.spec, described), "a changed description has to arrive, too");
  } finally {
    await crds.delete({ name: wanted.metadata.name }, {}, within(10_000));
  }
});
