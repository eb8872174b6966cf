import assert from "node:assert/strict";
import fc from "fast-check";
import { KubeError } from "./errors.ts";
import { createLog, type LogFields, type LogFormat, type LogLevel } from "./log.ts";

const NOW = new Date("2026-01-01T00:00:00.123Z");

function capture(format: LogFormat = "json", level: LogLevel = "info") {
  const lines: string[] = [];
  const log = createLog({ format, level, write: (line) => lines.push(line), now: () => NOW });
  return { log, lines, fields: () => JSON.parse(lines.at(-1)!) };
}

function logged(fields: LogFields): Record<string, unknown> {
  const { log, fields: read } = capture();
  log.info("said", fields);
  const { time: _time, level: _level, msg: _msg, ...rest } = read();
  return rest;
}

Deno.test("a JSON line has time, level, sentence and fields", () => {
  const { log, lines } = capture();
  log.warn("watch interrupted", { resource: "mangodbs", count: 3 });
  assert.deepEqual(lines, [
    '{"time":"2026-01-01T00:00:00.123Z","level":"warn","msg":"watch interrupted","resource":"mangodbs","count":3}',
  ]);
});

Deno.test("a text line can be read, and split at spaces where values have none", () => {
  const { log, lines } = capture("text");
  log.info("instance step done", { step: "hold", key: { namespace: "default", name: "db" }, why: "it is new" });
  assert.deepEqual(lines, [
    '2026-01-01T00:00:00.123Z INFO  instance step done step=hold key=default/db why="it is new"',
  ]);
});

Deno.test("only lines of the level and above are written", () => {
  const { log, lines } = capture("json", "warn");
  log.debug("a");
  log.info("b");
  log.warn("c");
  log.error("d");
  assert.deepEqual(lines.map((line) => JSON.parse(line).msg), ["c", "d"]);
});

Deno.test("a child carries the fields of its parents, and its own win", () => {
  const { log, fields } = capture();
  log.with({ controller: "bindings", side: "consumer" }).with({ side: "provider" }).info("said", { key: "db" });
  assert.deepEqual(fields(), {
    time: NOW.toISOString(),
    level: "info",
    msg: "said",
    controller: "bindings",
    side: "provider",
    key: "db",
  });
});

Deno.test("fields cannot pass for the time, the level or the sentence", () => {
  assert.deepEqual(Object.keys(logged({ msg: "other" })), ["msg_"]);
  const { log, fields } = capture();
  log.info("said", { level: "error", time: "never" });
  assert.equal(fields().level, "info");
  assert.equal(fields().time, NOW.toISOString());
});

Deno.test("an error is shown as its message with causes, with its stack only at level debug", () => {
  const error = new KubeError("Cannot apply", { status: 403, cause: new Error("forbidden") });
  assert.deepEqual(logged({ error }), { error: "Cannot apply: forbidden" });
  const { log, fields } = capture("json", "debug");
  log.info("said", { error });
  assert.match(fields().errorStack, /log_test\.ts/);
});

const object = {
  apiVersion: "v1",
  kind: "Secret",
  metadata: { namespace: "default", name: "db" },
  data: { a: "eA==" },
};
const values: [name: string, fields: LogFields, want: Record<string, unknown>][] = [
  ["object keys as ns/name", { key: { namespace: "default", name: "db" } }, { key: "default/db" }],
  ["keys without namespace as name", { key: { name: "db" } }, { key: "db" }],
  ["whole objects as kind and name", { object }, { object: "Secret default/db" }],
  ["lists of keys", { keys: [{ name: "a" }, { namespace: "b", name: "c" }] }, { keys: ["a", "b/c"] }],
  ["metadata as its name", { metadata: { name: "db", uid: "1", labels: { a: "b" } } }, { metadata: "db" }],
  ["dates", { at: NOW }, { at: NOW.toISOString() }],
  ["sets and maps", { set: new Set([1]), map: new Map([["a", 1]]) }, { set: [1], map: { a: 1 } }],
  ["numbers JSON has not", { n: NaN, big: 2n ** 64n }, { n: "NaN", big: "18446744073709551616" }],
  ["nothing for undefined", { a: undefined, b: null }, { b: null }],
  ["how a named thing with more fields looks", { port: { name: "http", number: 80 } }, {
    port: { name: "http", number: 80 },
  }],
];
for (const [name, fields, want] of values) Deno.test(`shows ${name}`, () => assert.deepEqual(logged(fields), want));

const SECRET = "s3cr3t-Value_0123456789";
const hidden: [name: string, fields: LogFields][] = [
  ["a token", { token: SECRET }],
  ["a token in camel case", { idToken: SECRET }],
  ["a token in snake case", { access_token: SECRET }],
  ["a client secret", { "client-secret": SECRET }],
  ["a header", { headers: { Authorization: SECRET } }],
  ["a header's cookie", { headers: new Map([["set-cookie", SECRET]]) }],
  ["a kubeconfig", { kubeconfig: SECRET }],
  ["the contents of a secret", { secret: { data: { anything: SECRET } } }],
  ["a list of passwords", { passwords: [SECRET] }],
  ["a bearer token in a sentence", { error: new Error(`refused "Authorization: Bearer ${SECRET}"`) }],
  ["a JSON web token anywhere", { text: `got eyJhbGciOiJSUzI1NiJ9.${SECRET}.${SECRET}` }],
  ["a password in a URL", { server: `https://admin:${SECRET}@example.com/` }],
  ["a password in a URL object", { server: new URL(`https://admin:${SECRET}@example.com/`) }],
  ["a private key", { text: `-----BEGIN EC PRIVATE KEY-----\n${SECRET}\n-----END EC PRIVATE KEY-----` }],
  ["the data of an object", { object: { ...object, data: { a: SECRET } } }],
];
for (const [name, fields] of hidden) {
  for (const format of ["json", "text"] as const) {
    Deno.test(`never shows ${name} (${format})`, () => {
      const { log, lines } = capture(format, "debug");
      log.with(fields).error("said", fields);
      assert.equal(lines.length, 1);
      assert.ok(!lines[0]!.includes(SECRET), lines[0]);
    });
  }
}

Deno.test("never shows a bearer token in the sentence itself", () => {
  const { log, lines } = capture();
  log.info(`sent Bearer ${SECRET}`);
  assert.ok(!lines[0]!.includes(SECRET), lines[0]);
});

Deno.test("names of Secrets, flags and counts are no secrets", () => {
  const fields = { secretName: "kubeconfig", secret: { namespace: "a", name: "b" }, token: true, tokens: 3 };
  assert.deepEqual(logged(fields), { secretName: "kubeconfig", secret: "a/b", token: true, tokens: 3 });
});

Deno.test("whatever is logged, it stays one line that can be parsed", () => {
  const text = fc.string({
    unit: fc.oneof(fc.constantFrom(...'a \n\r\x1b\x7f\x85\u2028="\\'), fc.string({ maxLength: 1 })),
  });
  fc.assert(fc.property(text, fc.dictionary(text, fc.oneof(text, fc.anything())), (message, fields) => {
    for (const format of ["json", "text"] as const) {
      const { log, lines } = capture(format);
      log.info(message, fields);
      assert.equal(lines.length, 1);
      assert.doesNotMatch(lines[0]!, /[\p{Cc}\u2028]/u);
      if (format === "json") assert.equal(JSON.parse(lines[0]!).level, "info");
    }
  }));
});

Deno.test("objects that contain themselves end somewhere", () => {
  const loop: Record<string, unknown> = {};
  loop.again = loop;
  assert.match(JSON.stringify(logged({ loop })), /…/);
});
