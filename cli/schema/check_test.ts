import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { join } from "node:path";
import { stringify } from "yaml";
import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition } from "../../kube/resources.ts";
import { apiVersionOf } from "../../kube/types.ts";
import { makeOwnedDirectory } from "../../playground/owned_directory.ts";
import { Answer, type ProgramContext } from "../../program.ts";
import { provider, type TestCluster, within } from "../../tests/clusters.ts";
import { serveWidgets } from "../../tests/widgets.ts";
import { runCheck } from "./check.ts";
import type { ReportFormat } from "./print_report.ts";

async function check(cluster: TestCluster, file: string, format: ReportFormat) {
  let stdout = "";
  const context = {
    env: {},
    version: "1.2.3",
    isTerminal: { stdin: false, stdout: false, stderr: false },
    writeOut: (text: string) => void (stdout += text),
    signal: within(30_000),
  } as ProgramContext;
  try {
    await runCheck({ file, format, controlPlane: { kubeconfig: cluster.kubeconfigPath } }, context);
    return { exitCode: 0, stdout };
  } catch (error) {
    if (error instanceof Answer) return { exitCode: error.exitCode, stdout };
    throw error;
  }
}

Deno.test("klutch schema check tells pipelines of stored objects that no longer fit", async (t) => {
  using cluster = await provider();
  await using directory = await makeOwnedDirectory();
  await using namespace = await cluster.namespace("check");
  const size = { type: "object", properties: { size: { type: "integer" } } };
  await using api = await serveWidgets(cluster.client, size);
  const { resource } = api;
  const apiVersion = apiVersionOf(resource);
  for (const [name, spec] of [["small", { size: 1 }], ["large", { size: 99 }]] as const) {
    const metadata = { namespace: namespace.name, name };
    await cluster.client.api(resource).create({ apiVersion, kind: "Widget", metadata, spec }, within(5_000));
  }
  const name = `widgets.${resource.group}`;
  const crds = cluster.client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS);
  const { kind, spec } = await crds.get({ name }, within(5_000));
  const properties = (spec.versions[0]!.schema!.openAPIV3Schema as { properties: Record<string, object> }).properties;
  properties.spec = { ...size, "x-kubernetes-validations": [{ rule: "self.size < 10" }] };
  const file = join(directory.path, "new & #1.yaml");
  await Deno.writeTextFile(
    file,
    stringify({ apiVersion: "apiextensions.k8s.io/v1", kind, metadata: { name }, spec }),
  );

  await t.step("as an error in SARIF, at a URI", async () => {
    const { exitCode, stdout } = await check(cluster, file, "sarif");
    equal(exitCode, 2);
    const [{ tool, results }] = JSON.parse(stdout).runs;
    deepEqual(
      results.map(({ ruleId, level }: { ruleId: string; level: string }) => [ruleId, level]),
      [["rule-added", "warning"], ["stored-objects", "error"]],
    );
    const [, { ruleId, message, locations: [{ physicalLocation }] }] = results;
    ok(tool.driver.rules.some(({ id }: { id: string }) => id === ruleId));
    equal(
      message.text,
      `${name} tenant (none): 1 of 2 stored objects no longer fit: ${namespace.name}/large (spec)`,
    );
    match(physicalLocation.artifactLocation.uri, /^\/[^ ]*\/new%20%26%20%231\.yaml$/);
  });

  await t.step("as a failure in JUnit", async () => {
    const { stdout } = await check(cluster, file, "junit");
    match(stdout, /<testsuite name="[^"]+" tests="2" failures="2">/);
    match(
      stdout,
      /name="stored-objects tenant \(none\)">\n +<failure type="breaking" message="1 of 2 stored objects no longer fit: /,
    );
  });
});

Deno.test("klutch schema check speaks of the control plane", async () => {
  using cluster = await provider();
  await using directory = await makeOwnedDirectory();
  const [file, nobody] = ["new.yaml", "kubeconfig"].map((name) => join(directory.path, name)) as [string, string];
  await Deno.writeTextFile(
    file,
    stringify({
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "cats.example.com" },
      spec: { group: "example.com", names: { plural: "cats", kind: "Cat" }, versions: [{ name: "v1" }] },
    }),
  );
  const { server } = cluster.config;
  const kubeconfig = (await Deno.readTextFile(cluster.kubeconfigPath)).replace(server, "https://127.0.0.1:9");
  await Deno.writeTextFile(nobody, kubeconfig);
  await rejects(
    check({ ...cluster, kubeconfigPath: nobody }, file, "json"),
    /^KubeError: Cannot get .* on the control plane: /,
  );
});

Deno.test("klutch schema check takes null in place of what may be left out, as API servers do", async () => {
  using cluster = await provider();
  await using directory = await makeOwnedDirectory();
  const optional = ["pattern", "format", "required", "enum", "default", "properties", "items", "allOf", "not"];
  const nulls = Object.fromEntries([...optional, "x-kubernetes-validations"].map((keyword) => [keyword, null]));
  const spec = { type: "object", properties: { default: { type: "string", nullable: true, enum: ["a", null] } } };
  await using api = await serveWidgets(cluster.client, spec);
  const crds = cluster.client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS);
  const crd = await crds.get({ name: `widgets.${api.resource.group}` }, within(5_000));
  Object.assign(crd.spec.names, { shortNames: null, categories: null });
  const [version] = crd.spec.versions;
  Object.assign(version!, { additionalPrinterColumns: null, selectableFields: null });
  const { properties } = version!.schema!.openAPIV3Schema as { properties: Record<string, typeof spec> };
  Object.assign(properties.spec!.properties.default, nulls, { enum: ["a", null] });
  await crds.replace(crd, within(5_000));
  const file = join(directory.path, "new.yaml");
  await Deno.writeTextFile(file, stringify(crd));
  deepEqual(await check(cluster, file, "table"), { exitCode: 0, stdout: "Nothing changed.\n" });
});

Deno.test("klutch schema check takes the CRD that Crossplane makes, and no XRD", async () => {
  using cluster = await provider();
  await using directory = await makeOwnedDirectory();
  await using api = await serveWidgets(cluster.client, { type: "object" });
  const name = `widgets.${api.resource.group}`;
  const file = join(directory.path, "new.yaml");
  const crd = await cluster.client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS)
    .get({ name }, within(5_000));
  const ownerReferences = [{ apiVersion: "apiextensions.crossplane.io/v1", kind: "CompositeResourceDefinition", name }];
  await Deno.writeTextFile(file, stringify({ ...crd, metadata: { ...crd.metadata, ownerReferences } }));
  deepEqual(await check(cluster, file, "table"), { exitCode: 0, stdout: "Nothing changed.\n" });

  const { group, names, versions } = crd.spec;
  const xrd = { kind: "CompositeResourceDefinition", metadata: { name }, spec: { group, names, versions } };
  await Deno.writeTextFile(file, stringify(xrd));
  await rejects(
    check(cluster, file, "table"),
    /^UsageError: a CompositeResourceDefinition is incomplete: it needs api/,
  );
  await Deno.writeTextFile(file, stringify({ apiVersion: "apiextensions.crossplane.io/v2", ...xrd }));
  await rejects(check(cluster, file, "table"), /is defined by an XRD: check the CustomResourceDefinition/);
});
