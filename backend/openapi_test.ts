import assert, { deepEqual, equal, match } from "node:assert/strict";
import { Compile, Meta } from "typebox/schema";
import { KubeError } from "../kube/errors.ts";
import { bindByToken, testApp } from "./app_fixture.ts";
import { Contract, type Operation } from "./openapi_fixture.ts";

const tokenOffer = { issuerURL: "https://sso.example.com/", deviceClientID: "klutch-cli" };
const contractOf = () => Contract.of(testApp({ tokenOffer }).app);
const operationsOf = ({ document }: Contract): [name: string, operation: Operation][] =>
  Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]): [string, Operation] => [
      `${method.toUpperCase()} ${path}`,
      operation,
    ])
  );

/** All values of a field, anywhere in a document. */
function* valuesAt(field: string, node: unknown): Generator<unknown> {
  if (typeof node !== "object" || node === null) return;
  for (const [name, value] of Object.entries(node)) {
    if (name === field) yield value;
    yield* valuesAt(field, value);
  }
}

Deno.test("The document describes each address that answers programs, and no other", async () => {
  const { app } = testApp();
  const answeringJson = new Set<string>();
  for (const { method, path } of app.routes) {
    if (method === "ALL") continue;
    const response = await app.request(path, { method });
    await response.body?.cancel();
    if (/json/.test(response.headers.get("content-type")!)) answeringJson.add(`${method} ${path}`);
  }
  assert(answeringJson.has("POST /api/bind") && !answeringJson.has("GET /bind"));
  deepEqual(operationsOf(await contractOf()).map(([name]) => name).sort(), [...answeringJson].sort());
});

Deno.test("The document is whole: references lead somewhere, and nothing is left over", async () => {
  const contract = await contractOf();
  const { document } = contract;
  match(document.openapi, /^3\.1\.\d+$/);
  deepEqual(document.servers, [{ url: "https://klutch.example.com" }]);

  const references = new Set(valuesAt("$ref", document) as Iterable<string>);
  for (const reference of references) assert(contract.resolve(reference), reference);
  const { schemas, responses } = document.components;
  for (const [kind, parts] of Object.entries({ schemas, responses })) {
    for (const name of Object.keys(parts)) {
      assert(references.has(`#/components/${kind}/${name}`), `nobody uses ${name}`);
    }
  }

  const operations = operationsOf(contract);
  equal(new Set(operations.map(([, { operationId }]) => operationId)).size, operations.length);
  for (const [name, { summary, responses, security = document.security }] of operations) {
    match(summary, /^[A-Z].*[^.]$/, name);
    assert(Object.keys(responses).includes("200"), name);
    for (const status of Object.keys(responses)) match(status, /^[2-5](\d\d|XX)$/, name);
    for (const scheme of security.flatMap(Object.keys)) assert(document.components.securitySchemes[scheme], name);
  }
  for (const response of valuesAt("responses", document)) {
    for (const answer of Object.values(response as object)) match(answer.$ref ?? answer.description, /\S/);
  }
});

Deno.test("The document's schemas are schemas, and its examples what these demand", async () => {
  const contract = await contractOf();
  const dialect = Compile(Meta["https://json-schema.org/draft/2020-12/schema"]);
  const schemas = [...Object.values(contract.document.components.schemas), ...valuesAt("schema", contract.document)];
  for (const schema of schemas) deepEqual(dialect.Errors(schema)[1], []);
  equal(dialect.Check({ type: "text" }), false);

  const bodies = operationsOf(contract).flatMap(([, { requestBody }]) => Object.values(requestBody?.content ?? {}));
  equal(bodies.length, 2);
  for (const { schema, example } of bodies) deepEqual(contract.errorsOf(schema, example), []);
  equal(JSON.stringify(contract.document).includes("x-kubernetes"), false);
});

Deno.test("The document tells where tokens come from, if anybody may log in by token", async () => {
  const { securitySchemes } = (await contractOf()).document.components;
  equal(securitySchemes.issuer!.openIdConnectUrl, "https://sso.example.com/.well-known/openid-configuration");
  const { document } = await Contract.of(testApp().app);
  deepEqual(Object.keys(document.components.securitySchemes), ["bearer"]);
  deepEqual(document.security, [{ bearer: [] }]);
});

Deno.test("The document is there from the start, for everybody, and is sent again only when it is another", async () => {
  const { app } = testApp({ readiness: () => "the cluster is not reachable yet" });
  const path = "/api/openapi.json";
  const first = await app.request(path);
  equal(first.status, 200);
  equal(first.headers.get("cache-control"), "no-cache");
  const seen = { "if-none-match": first.headers.get("etag")! };
  equal((await app.request(path, { headers: seen })).status, 304);
  equal((await testApp({ prettyName: "Another" }).app.request(path, { headers: seen })).status, 200);
  equal((await app.request(path, { method: "POST" })).status, 405);
});

const failures: [name: string, error: Error, status: number][] = [
  ["a cluster that is down", new KubeError("10.0.0.1:6443 refused", { status: 0 }), 503],
  ["a cluster that refuses", new KubeError("namespaces is forbidden", { status: 403 }), 502],
  ["a defect", new TypeError("x is not a function"), 500],
];
for (const [name, error, status] of failures) {
  Deno.test(`A program gets a problem document for ${name}, and sees nothing of the inside`, async () => {
    const test = testApp({ ensureTenant: () => Promise.reject(error) });
    const { document } = await contractOf();
    const { example } = document.paths["/api/bind"]!.post!.requestBody!.content["application/json"]!;
    const request = { ...example as object, apis: ["dbs.acme.io"], dryRun: false };
    const response = await bindByToken(test, JSON.stringify(request));
    equal(response.status, status);
    equal((await response.text()).includes(error.message), false);
  });
}

Deno.test("Programs get problem documents wherever pages are for people", async () => {
  const { app } = testApp({ readiness: () => "the cluster is not reachable yet" });
  const answers: [path: string, status: number, method?: string][] = [
    ["/export", 503],
    ["/export", 405, "POST"],
    [`/export?${"a".repeat(20_000)}`, 414],
    ["/api/apis", 503],
    ["/api/nowhere", 404],
    ["/api/", 404],
  ];
  for (const [path, status, method] of answers) {
    const response = await app.request(path, { method });
    equal(response.status, status, path);
    equal(response.headers.get("content-type"), "application/problem+json", path);
  }
});
