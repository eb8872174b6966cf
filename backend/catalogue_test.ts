import { deepEqual, equal } from "node:assert/strict";
import type { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import type { CustomResourceDefinition } from "../kube/resources.ts";
import { Store } from "../kube/store.ts";
import { keyOf } from "../kube/types.ts";
import { Catalogue, templateIndexers, toServedApi } from "./catalogue.ts";
import type { ConsumerScope } from "./options.ts";
import { claim, crd, template } from "./test_objects.ts";

function catalogue(
  crds: CustomResourceDefinition[],
  templates: APIServiceExportTemplate[],
  scope: ConsumerScope = "Namespaced",
): Catalogue {
  const apis = new Store(), offered = new Store<APIServiceExportTemplate>(templateIndexers);
  for (const one of crds) apis.set(keyOf(one), toServedApi(one));
  for (const one of templates) offered.set(keyOf(one), one);
  return new Catalogue(apis as ConstructorParameters<typeof Catalogue>[0], offered, scope);
}
const names = (one: Catalogue) => one.list().map(({ api }) => api.name);

Deno.test("Catalogue lists what has both a CRD and a template, by name", () => {
  const offers = catalogue(
    [crd("queues", "x.io"), crd("dbs", "x.io"), crd("secrets", "internal.io")],
    [template("q", ["queues", "x.io"]), template("d", ["dbs", "x.io"]), template("g", ["ghosts", "x.io"])],
  );
  deepEqual(names(offers), ["dbs.x.io", "queues.x.io"]);
  equal(offers.find("secrets.internal.io"), undefined);
  equal(offers.find("ghosts.x.io"), undefined);
});

Deno.test("Catalogue offers cluster-scoped APIs in scope Cluster only", () => {
  const parts = [[crd("foos", "x.io", { scope: "Cluster" })], [template("f", ["foos", "x.io"])]] as const;
  deepEqual(names(catalogue([...parts[0]], [...parts[1]])), []);
  deepEqual(names(catalogue([...parts[0]], [...parts[1]], "Cluster")), ["foos.x.io"]);
});

Deno.test("Catalogue offers an API once, by its oldest template", () => {
  const claims = [claim("secrets")];
  const offers = catalogue([crd("dbs", "x.io")], [
    template("a", ["dbs", "x.io"], { created: "2026-06-02T00:00:00Z" }),
    template("b", ["dbs", "x.io"], { created: "2026-06-01T00:00:00Z", claims }),
  ]);
  deepEqual(offers.list().map((offer) => offer.claims), [claims]);
});

Deno.test("Catalogue no longer offers an API whose CRD is being deleted", () => {
  const dying = crd("dbs", "x.io");
  dying.metadata.deletionTimestamp = "2026-06-01T00:00:00Z";
  deepEqual(names(catalogue([dying], [template("d", ["dbs", "x.io"])])), []);
});

Deno.test("toServedApi() keeps served versions and the first paragraph of the description", () => {
  const full = crd("dbs", "x.io");
  const [version] = full.spec.versions;
  version!.schema!.openAPIV3Schema!.description = "A database.\n\nWith much to say.";
  full.spec.versions.push({ ...version!, name: "v0", served: false, storage: false });
  const { versions, description, singular } = toServedApi(full);
  deepEqual({ versions, description, singular }, { versions: ["v1"], description: "A database.", singular: "db" });
});
