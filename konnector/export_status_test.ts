import { deepEqual, equal } from "node:assert/strict";
import type { APIServiceExport } from "../crds/api_service_export.ts";
import { sourceSpecHash, toExportSpec } from "../crds/export_schema.ts";
import { API_VERSION } from "../crds/names.ts";
import { conditionTrue, setCondition } from "../kube/conditions.ts";
import { mangoDbCrd } from "../tests/mangodb.ts";
import { exportStatus } from "./export_status.ts";

const NOW = new Date("2026-01-01T00:00:00Z");
const spec: APIServiceExport["spec"] = { ...toExportSpec(mangoDbCrd("mangodb.com")), informerScope: "Namespaced" };
const hash = sourceSpecHash(spec);
const inSync = setCondition([], conditionTrue("SchemaInSync"), NOW);

const exported = (status: APIServiceExport["status"]): APIServiceExport => ({
  apiVersion: API_VERSION,
  kind: "APIServiceExport",
  metadata: { name: "mangodbs.mangodb.com", namespace: "cluster-abcde" },
  spec,
  status,
});

Deno.test("exportStatus() tells by hash which schema is installed, and which was refused", () => {
  const refused = exportStatus(exported({ installedSchema: "before" }), { conditions: [], schema: "refused" }, NOW);
  deepEqual([refused.installedSchema, refused.refusedSchema], ["before", hash]);
  const installed = exportStatus(exported(refused), { conditions: inSync, schema: "installed" }, NOW);
  deepEqual([installed.installedSchema, installed.refusedSchema], [hash, undefined]);
});

Deno.test("exportStatus() does not tell that a schema is installed which nobody has given to the app cluster yet", () => {
  const { installedSchema } = exportStatus(exported({ installedSchema: "before" }), { conditions: inSync }, NOW);
  equal(installedSchema, "before");
});
