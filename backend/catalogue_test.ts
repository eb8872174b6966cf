import { deepEqual, equal, throws } from "node:assert/strict";
import type { Person } from "./admission.ts";
import { type Catalogue, toServedApi } from "./catalogue.ts";
import { Refusal } from "./refusal.ts";
import { catalogue, claim, crd, template } from "./test_objects.ts";

const JANE = { subject: "jane" };
const names = (one: Catalogue) => one.list(JANE).map(({ api }) => api.name);

Deno.test("Catalogue lists what has both a CRD and a template, by name", () => {
  const offers = catalogue(
    [crd("queues", "x.io"), crd("dbs", "x.io"), crd("secrets", "internal.io")],
    [template("q", ["queues", "x.io"]), template("d", ["dbs", "x.io"]), template("g", ["ghosts", "x.io"])],
  );
  deepEqual(names(offers), ["dbs.x.io", "queues.x.io"]);
  equal(offers.find("secrets.internal.io", JANE), undefined);
  equal(offers.find("ghosts.x.io", JANE), undefined);
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
  deepEqual(offers.list(JANE).map((offer) => offer.claims), [claims]);
});

Deno.test("Catalogue shows an API only to those whom its template names", () => {
  const offers = catalogue([crd("dbs", "x.io"), crd("queues", "x.io")], [
    template("d", ["dbs", "x.io"], { allowedGroups: ["dev"], allowedUsers: ["joe"] }),
    template("q", ["queues", "x.io"]),
  ]);
  const seen = (person: Person) => offers.list(person).map(({ api }) => api.plural);
  deepEqual(seen(JANE), ["queues"]);
  deepEqual(seen({ ...JANE, groups: ["dev"] }), ["dbs", "queues"]);
  deepEqual(seen({ subject: "joe" }), ["dbs", "queues"]);
  throws(() => offers.get("dbs.x.io", JANE), Refusal);
  deepEqual([...offers.admittedGroups()], ["dev"]);
});

Deno.test("Catalogue honours the version that a template names", () => {
  const two = crd("dbs", "x.io");
  two.spec.versions.push({ ...two.spec.versions[0]!, name: "v2", storage: false });
  const versions = (version?: string) =>
    catalogue([two], [template("d", ["dbs", "x.io"], { version })]).find("dbs.x.io", JANE)?.versions;
  deepEqual(versions(), ["v1", "v2"]);
  deepEqual(versions("v2"), ["v2"]);
  equal(versions("v3"), undefined, "not served, so not on offer");
});

Deno.test("Catalogue speaks of an API as its template does", () => {
  const words = {
    displayName: "Database",
    description: "Keeps data.",
    documentationURL: "https://docs.x.io",
    icon: "data:image/png;base64,AA==",
  };
  const offer = catalogue([crd("dbs", "x.io")], [template("d", ["dbs", "x.io"], words)]).find("dbs.x.io", JANE)!;
  const { title, about, documentationUrl, icon } = offer;
  deepEqual({ title, about, documentationUrl, icon }, {
    title: "Database",
    about: "Keeps data.",
    documentationUrl: "https://docs.x.io",
    icon: "data:image/png;base64,AA==",
  });
  equal(catalogue([crd("dbs", "x.io")], [template("d", ["dbs", "x.io"])]).find("dbs.x.io", JANE)!.about, "A db.");
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
