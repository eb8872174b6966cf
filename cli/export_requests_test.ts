import { deepEqual, rejects } from "node:assert/strict";
import { API_VERSION } from "../crds/names.ts";
import { readExportRequest } from "./export_requests.ts";

const manifest = `
apiVersion: ${API_VERSION}
kind: APIServiceExportRequest
metadata:
  name: mangodbs.mangodb.com
  namespace: ignored
spec:
  resources:
  - group: mangodb.com
    resource: mangodbs
status: {}
`;
const request = {
  apiVersion: API_VERSION,
  kind: "APIServiceExportRequest",
  metadata: { name: "mangodbs.mangodb.com" },
  spec: { resources: [{ group: "mangodb.com", resource: "mangodbs" }] },
  status: {},
};

Deno.test("readExportRequest() reads YAML and JSON alike", async () => {
  deepEqual(await readExportRequest(manifest), request);
  deepEqual(await readExportRequest(JSON.stringify(request)), request);
  deepEqual(await readExportRequest(`# a comment\n---\n${manifest}---\n`), request);
});

Deno.test("readExportRequest() takes a request without a name", async () => {
  const { metadata: _, ...nameless } = request;
  deepEqual(await readExportRequest(JSON.stringify(nameless)), { ...request, metadata: {} });
});

const refused: [name: string, text: string, why: RegExp][] = [
  ["nothing", "", /empty/],
  ["only comments", "# none\n", /empty/],
  ["no YAML", "a: [", /failed to unmarshal manifest/],
  ["text", "hello", /not an object/],
  ["another version", manifest.replace(API_VERSION, "v1"), /invalid apiVersion "v1"/],
  ["no version", manifest.replace(/apiVersion.*/, ""), /invalid apiVersion ""/],
  ["another kind", manifest.replace("APIServiceExportRequest", "Secret"), /invalid kind "Secret"/],
  ["no kind", manifest.replace(/kind:.*/, ""), /invalid kind ""/],
  ["two documents", `${manifest}---\n${manifest}`, /more than one document/],
  ["no resources", manifest.replace(/spec:[^]*status/, "spec: {resources: []}\nstatus"), /resources/],
  ["no spec", manifest.replace(/spec:[^]*status/, "status"), /spec is missing/],
  [
    "the core group",
    manifest.replace("mangodb.com\n    resource", '""\n    resource'),
    /"mangodbs" may never be bound/,
  ],
  [
    "an API of Kubernetes",
    manifest.replace("mangodb.com\n    resource", "apps\n    resource"),
    /"mangodbs.apps" may never/,
  ],
  ["a bad resource name", manifest.replace("resource: mangodbs", "resource: Mango/DBs"), /resource/],
];
for (const [name, text, why] of refused) {
  Deno.test(`readExportRequest() refuses ${name}`, () => rejects(readExportRequest(text), why));
}
