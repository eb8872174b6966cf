import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { Answer, type ProgramContext, UsageError } from "../../program.ts";
import { runDiff } from "./diff.ts";
import type { ReportFormat } from "./print_report.ts";

const crd = (name: string, spec: string) => `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: ${name}.example.com }
spec:
  group: example.com
  names: { plural: ${name}, kind: Db }
  scope: Namespaced
  versions:
  - { name: v1, served: true, storage: true, schema: { openAPIV3Schema: { type: object, properties: { spec: ${spec} } } } }
`;
const xrd = (spec: string) => `
apiVersion: apiextensions.crossplane.io/v1
kind: CompositeResourceDefinition
metadata: { name: xdbs.example.com }
spec:
  group: example.com
  names: { plural: xdbs, kind: XDb }
  claimNames: { plural: dbs, kind: Db }
  versions:
  - { name: v1, served: true, referenceable: true, schema: { openAPIV3Schema: { type: object, properties: { spec: ${spec} } } } }
`;
const SMALL = "{ type: object, properties: { size: { type: integer, maximum: 9 } } }";
const LARGE = "{ type: object, properties: { size: { type: integer, maximum: 99 } } }";
const RULED =
  "{ type: object, properties: { size: { type: integer, maximum: 9 } }, x-kubernetes-validations: [{ rule: 'true' }] }";
const CLAIM = "{ type: object, properties: { size: { type: integer, maximum: 9 }, resourceRef: { type: object } } }";

interface Run {
  exitCode: number;
  stdout: string;
}

async function diff(before: string, after: string, format: ReportFormat = "table"): Promise<Run> {
  const directory = await Deno.makeTempDir();
  let stdout = "";
  const context = {
    env: {},
    version: "1.2.3",
    isTerminal: { stdin: false, stdout: false, stderr: false },
    writeOut: (text: string) => void (stdout += text),
    signal: new AbortController().signal,
  } as ProgramContext;
  try {
    const [old, now] = [`${directory}/old.yaml`, `${directory}/new.yaml`] as const;
    await Deno.writeTextFile(old, before);
    await Deno.writeTextFile(now, after);
    await runDiff({ before: old, after: now, format, controlPlane: {} }, context);
    return { exitCode: 0, stdout };
  } catch (error) {
    if (error instanceof Answer) return { exitCode: error.exitCode, stdout };
    throw error;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("klutch schema diff says nothing of what is the same", async () => {
  deepEqual(await diff(crd("dbs", SMALL), crd("dbs", SMALL)), { exitCode: 0, stdout: "Nothing changed.\n" });
});

Deno.test("klutch schema diff answers with its exit code", async () => {
  equal((await diff(crd("dbs", SMALL), crd("dbs", LARGE))).exitCode, 0);
  equal((await diff(crd("dbs", SMALL), crd("dbs", RULED))).exitCode, 1);
  const { exitCode, stdout } = await diff(crd("dbs", LARGE), crd("dbs", SMALL));
  equal(exitCode, 2);
  match(stdout, /^CHANGE +API +WHERE +WHAT\nbreaking +dbs\.example\.com +v1 spec\.size +maximum 99 became maximum 9\n/);
  match(stdout, /No longer fits:\n {2}\{"spec":\{"size":99\}\}\n/);
});

Deno.test("klutch schema diff compares files with many APIs by their names", async () => {
  const { exitCode, stdout } = await diff(
    crd("as", SMALL) + "---" + crd("bs", SMALL),
    crd("bs", LARGE) + "---" + crd("cs", SMALL),
    "json",
  );
  equal(exitCode, 2);
  const { verdict, apis } = JSON.parse(stdout);
  equal(verdict, "breaking");
  deepEqual(apis.map(({ api, changes: [{ rule }] }: { api: string; changes: [{ rule: string }] }) => [api, rule]), [
    ["as.example.com", "api-removed"],
    ["bs.example.com", "bounds-widened"],
    ["cs.example.com", "api-added"],
  ]);
});

Deno.test("klutch schema diff compares definitions for Crossplane, also with the CRDs made of them", async () => {
  equal((await diff(xrd(SMALL), xrd(LARGE))).exitCode, 0);
  equal((await diff(xrd(LARGE), xrd(SMALL))).exitCode, 2);
  const served = crd("dbs", CLAIM).replace("versions:\n  - {", "versions:\n  - { subresources: { status: {} },");
  deepEqual(await diff(served, xrd(SMALL)), { exitCode: 0, stdout: "Nothing changed.\n" });
});

Deno.test("klutch schema diff writes SARIF and JUnit for pipelines", async () => {
  const sarif = JSON.parse((await diff(crd("dbs", LARGE), crd("dbs", SMALL), "sarif")).stdout);
  equal(sarif.version, "2.1.0");
  const [{ tool, results: [result] }] = sarif.runs;
  deepEqual([result.ruleId, result.level], ["bounds-narrowed", "error"]);
  equal(tool.driver.rules.some(({ id }: { id: string }) => id === result.ruleId), true);
  match(result.locations[0].physicalLocation.artifactLocation.uri, /new\.yaml$/);
  const { stdout } = await diff(crd("dbs", SMALL), crd("dbs", RULED.replace("'true'", "'1 < 2'")), "junit");
  match(stdout, /<testsuite name="dbs.example.com" tests="1" failures="1">/);
  match(stdout, /<failure type="risky" message="CEL rule is new: 1 &lt; 2; /);
});

Deno.test("klutch schema diff takes crds/FILE.yaml for a file, and crds/NAME for a definition of the cluster", async () => {
  const context = { env: {} } as ProgramContext;
  const options = { after: "-", format: "table" as const, controlPlane: { kubeconfig: "/nowhere" } };
  await rejects(runDiff({ ...options, before: "crds/dbs.yaml" }, context), /cannot read 'crds\/dbs\.yaml'/);
  await rejects(runDiff({ ...options, before: "crds/dbs.example.com" }, context), /\/nowhere/);
});

const misshapen: [spec: string, at: RegExp][] = [
  ["null", /look at version v1\.spec;/],
  ["{ type: object, properties: { a: null } }", /look at version v1\.spec\.a;/],
  ["{ type: object, properties: [] }", /look at version v1\.spec properties;/],
  ["{ type: object, required: a }", /look at version v1\.spec required;/],
  ["{ type: array, items: { enum: a } }", /look at version v1\.spec\[\] enum;/],
  ["{ allOf: { type: object } }", /look at version v1\.spec allOf;/],
  ["{ additionalProperties: { pattern: 1 } }", /look at version v1\.spec\{\} pattern;/],
  ["{ x-kubernetes-validations: [ true ] }", /look at version v1\.spec x-kubernetes-validations;/],
  ["{} } } }, additionalPrinterColumns: a } #", /look at version v1 additionalPrinterColumns;/],
];
for (const [spec, at] of misshapen) {
  Deno.test(`klutch schema diff says where a definition is no such thing: ${spec}`, async () => {
    for (const pair of [[crd("dbs", SMALL), crd("dbs", spec)], [crd("dbs", spec), crd("dbs", SMALL)]] as const) {
      await rejects(diff(...pair), (error: Error) => {
        equal(error instanceof UsageError, true, error.stack);
        match(error.message, /^no API server takes CustomResourceDefinition 'dbs\.example\.com': /);
        match(error.message, at);
        return true;
      });
    }
  });
}

Deno.test("klutch schema diff reads stdin once", async () => {
  const options = { before: "-", after: "-", format: "table" as const, controlPlane: {} };
  await rejects(runDiff(options, { env: {} } as ProgramContext), /stdin can be read once/);
});

Deno.test("klutch schema diff refuses what is no API, with what to do", async () => {
  await rejects(diff(crd("dbs", SMALL), "kind: Secret\n"), UsageError);
  await rejects(diff(crd("dbs", SMALL), "kind: [\n"), /is not YAML/);
  await rejects(
    diff("kind: CustomResourceDefinition\nspec: {}\n", crd("dbs", SMALL)),
    /is incomplete: it needs apiVersion, metadata.name/,
  );
});
