import assert, { equal } from "node:assert/strict";
import fc from "fast-check";
import { parseCookieKeys } from "../oidc/cookie_keys.ts";
import { OneTimeCodes } from "../oidc/one_time_code.ts";
import { bindByToken, CHALLENGE, testApp, VERIFIER } from "./app_fixture.ts";
import { Contract, type Schema } from "./openapi_fixture.ts";
import { RateLimit } from "./rate_limit.ts";

// Requests that are made from the OpenAPI document. Each answer is compared with it by the fixture: its status, its
// headers and its body. What is looked at here is what that leaves open.

const unlimited = { bindLimit: new RateLimit({ burst: 1_000_000, everyMs: 1 }) };
const contract = await Contract.of(testApp().app);

const schemaOf = (path: string): Schema =>
  contract.resolve(Object.values(contract.document.paths[path]!.post!.requestBody!.content)[0]!.schema.$ref!)!;
const BIND_REQUEST = schemaOf("/api/bind");
const CODE_REDEMPTION = schemaOf("/response");

/** What a schema allows. */
function valuesOf(schema: Schema): fc.Arbitrary<unknown> {
  const { type, pattern, minLength, maxLength, minItems, maxItems } = schema;
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (type === "boolean") return fc.boolean();
  if (type === "string" && pattern) return fc.stringMatching(new RegExp(pattern));
  if (type === "string") return fc.string({ minLength, maxLength });
  if (type === "array") return fc.array(valuesOf(schema.items!), { minLength: minItems, maxLength: maxItems });
  const fields = Object.entries(schema.properties!).map(([name, inner]) => [name, valuesOf(inner)]);
  return fc.record(Object.fromEntries(fields), { requiredKeys: schema.required as never[] });
}

/** What a schema allows, but for one field that is missing or holds something else, or another value altogether. */
function brokenValuesOf(schema: Schema, anything: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const field = fc.constantFrom(...Object.keys(schema.properties!));
  // Null is taken for absent, as API servers do.
  const content = anything.filter((value) => value !== null);
  const damaged = fc.tuple(valuesOf(schema) as fc.Arbitrary<object>, field, fc.option(content, { nil: undefined }))
    .map(([value, name, other]) => ({ ...value, [name]: other }))
    .map((value) => Object.fromEntries(Object.entries(value).filter(([, content]) => content !== undefined)));
  return fc.oneof({ weight: 4, arbitrary: damaged }, { weight: 1, arbitrary: anything })
    .filter((value) => contract.errorsOf(schema, value).length > 0);
}

Deno.test("A BindRequest that the document allows is granted when all it names is on offer, and else not found", async () => {
  const test = testApp(unlimited);
  const offered = ["dbs.acme.io", "queues.acme.io"];
  const apis = fc.oneof(
    valuesOf(BIND_REQUEST.properties!.apis!),
    fc.array(fc.constantFrom(...offered), { minLength: 1, maxLength: 50 }),
  );
  const request = fc.tuple(valuesOf(BIND_REQUEST), apis).map(([request, apis]) => ({ ...request as object, apis }));
  await fc.assert(fc.asyncProperty(request, async (request) => {
    const isOffered = (request.apis as string[]).every((name) => offered.includes(name));
    equal((await bindByToken(test, JSON.stringify(request))).status, isOffered ? 200 : 404);
  }));
});

Deno.test("A BindRequest that the document does not allow is refused, and makes nothing", async () => {
  const test = testApp(unlimited);
  await fc.assert(fc.asyncProperty(brokenValuesOf(BIND_REQUEST, fc.jsonValue()), async (request) => {
    equal((await bindByToken(test, JSON.stringify(request))).status, 400);
  }));
  await fc.assert(fc.asyncProperty(fc.string({ unit: "binary" }), async (body) => {
    equal((await bindByToken(test, body)).status, 400);
  }));
  equal(test.bound.length, 0);
});

const keys = parseCookieKeys({ signingKey: btoa("c".repeat(32)) });
const person = { issuer: "https://sso.example.com", subject: "jane", sessionId: "Abc123", clusterId: "cl1" };

Deno.test("A code is redeemed by the form that the document describes, and by no other", async () => {
  const codes = new OneTimeCodes(keys);
  const test = testApp({ codes });
  const code = await codes.issue({ ...person, apis: ["dbs.acme.io"] }, CHALLENGE);
  const good = [["code", code], ["code_verifier", VERIFIER]];
  const redeem = (fields: string[][]) =>
    test.app.request("/response", { method: "POST", body: new URLSearchParams(fields as [string, string][]) });

  const text = fc.string({ unit: "binary" }).map((text) => text.toWellFormed());
  const allowed = valuesOf(CODE_REDEMPTION).map((form) => Object.entries(form as Record<string, string>));
  const broken = brokenValuesOf(CODE_REDEMPTION, text).filter((form) => typeof form === "object")
    .map((form) => Object.entries(form as Record<string, string>));
  const oneMore = fc.constantFrom(...good, ["dry_run", "1"]).map((field) => [...good, field]);
  await fc.assert(fc.asyncProperty(fc.oneof(allowed, broken, oneMore), async (fields) => {
    equal((await redeem(fields)).status, 400);
  }));
  equal(test.bound.length, 0);
  equal((await redeem([...good, ["dry_run", "true"]])).status, 200);
  equal((await redeem(good)).status, 200);
  equal((await redeem(good)).status, 400);
  equal(test.bound.length, 2);
});

Deno.test("Whatever header, query, path or method comes along, the answer is one that the document names", async () => {
  const test = testApp(unlimited);
  const value = fc.oneof(
    fc.stringMatching(/^[\t\x20-\x7e\x80-\xff]{0,100}$/),
    fc.constantFrom("*", "%", "Bearer", "Bearer %zz", `Bearer ${"a".repeat(20_000)}`, "bytes=0-", "text/html", '"'),
  );
  const name = fc.constantFrom(
    ...["accept", "accept-encoding", "content-encoding", "content-length", "cookie", "expect", "forwarded", "host"],
    ...["if-match", "if-none-match", "if-modified-since", "origin", "range", "te", "transfer-encoding", "upgrade"],
    ...["x-forwarded-for", "x-forwarded-host", "x-http-method-override"],
  );
  const headers = fc.tuple(
    fc.tuple(fc.constant("authorization"), fc.oneof(fc.constant("Bearer a.b.c"), value)),
    fc.tuple(fc.constant("content-type"), fc.oneof(fc.constant("application/json"), value)),
    fc.array(fc.tuple(name, value), { maxLength: 5 }),
  ).map(([authorization, contentType, others]) => new Headers([authorization, contentType, ...others]));
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 60 }),
    fc.constantFrom("__proto__", "../../etc", "\0", "a\r\nb: c", "%", "x".repeat(20_000)),
  ).map((text) => encodeURIComponent(text.toWellFormed()));
  const paths = Object.keys(contract.document.paths);
  const target = fc.oneof(
    fc.constantFrom(...paths).map((path) => [Object.keys(contract.document.paths[path]!)[0]!.toUpperCase(), path]),
    fc.tuple(
      fc.constantFrom("GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PROPFIND"),
      fc.constantFrom(...paths, "/api", "/api/", "/api/nowhere", "/api/bind/"),
    ),
  );
  const body = fc.oneof(valuesOf(BIND_REQUEST).map((value) => JSON.stringify(value)), fc.string());
  await fc.assert(
    fc.asyncProperty(
      target,
      fc.array(text, { maxLength: 3 }),
      headers,
      body,
      async ([method, path], query, headers, body) => {
        const hasBody = method !== "GET" && method !== "HEAD";
        const init = { method, headers, ...(hasBody && { body }) };
        const response = await test.app.request(`${path}?${query.join("&")}`, init);
        assert(response.status < 500, `${response.status}`);
        equal(/\bat .*:\d+:\d+/.test(await response.text()), false);
      },
    ),
    { numRuns: 500 },
  );
});
