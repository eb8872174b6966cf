import assert from "node:assert/strict";
import { silentLog } from "../kube/log.ts";
import type { OpenApiSchema } from "../kube/resources.ts";
import { provider, within } from "../tests/clusters.ts";
import { toCrd } from "./crd.ts";
import { installCrds } from "./install.ts";
import type { Kind } from "./kind.ts";
import { KINDS } from "./kinds.ts";
import { type Edit, Probe, rejects } from "./testing/probe.ts";
import { FILLED_IN, PROMISES } from "./testing/promises.ts";

// First the definitions are held against what the specification promises, then a real API server is: for each promise
// it takes an object that keeps it, and refuses one that breaks it.

/** Short names, then the columns of `kubectl get`; those in parentheses only with `-o wide`. */
const TABLES: Record<string, string> = {
  APIServiceBinding: "sb: Name Provider (Resources) Ready Message Age",
  APIServiceExport: ": Name (Established) Age",
  APIServiceExportRequest: ": Name Ready Age",
  APIServiceNamespace: ": Name Namespace Age",
  ClusterBinding: ": Name Konnector Version Last Heartbeat Ready Age",
  AppClusterBinding: ": Name Ready Age",
  APIServiceExportTemplate: ": Name (Established) Age",
};

for (const kind of KINDS) {
  const name = kind.resource.kind;

  Deno.test(`${name} is defined as the specification has it`, () => {
    assert.deepEqual(promisesOf(kind).sort(), PROMISES[name]!.toSorted());
  });

  Deno.test(`An API server keeps every promise of ${name}`, async (t) => {
    using cluster = await provider();
    await installCrds(cluster.client, KINDS, silentLog, within(60_000));
    await using namespace = await cluster.namespace("crds");
    const probe = new Probe(cluster, kind, namespace.name);

    await t.step("takes an object that keeps all of them, and changes of what may change", () => probe.acceptsAll());
    await t.step("prints the columns and goes by the names", async () => {
      assert.equal(await probe.table(), TABLES[name]);
    });
    for (const promise of PROMISES[name]!) {
      if (!promise.endsWith(FILLED_IN)) await t.step(promise, () => probe.keeps(promise));
    }
  });
}

const variants: [about: string, kind: string, edits: Edit[], refused?: string[]][] = [
  ["takes a cluster-scoped export that is isolated and watched as a whole", "APIServiceExport", [
    ["spec.scope", "Cluster"],
    ["spec.informerScope", "Cluster"],
    ["spec.clusterScopedIsolation", "Prefixed"],
  ]],
  ["takes a claim that only donates", "APIServiceExportTemplate", [["spec.permissionClaims[0].autoDonate", true]]],
  ["takes a claim on a cluster-scoped resource", "APIServiceExportTemplate", [
    ["spec.permissionClaims[0].selector.namespaces", []],
  ]],
  ["takes a binding without any spec", "APIServiceBinding", [["spec", undefined]]],
  ["refuses a port without number", "AppClusterBinding", [["spec.konnector.overrides.ports[0]", {}]], [
    "spec.konnector.overrides.ports[0].containerPort: Required value",
  ]],
  ["refuses two equal ports", "AppClusterBinding", [
    ["spec.konnector.overrides.ports", [{ containerPort: 1 }, { containerPort: 1, protocol: "TCP" }]],
  ], ["spec.konnector.overrides.ports[1]: Duplicate value"]],
  ["refuses an amount that is none", "AppClusterBinding", [
    ["spec.konnector.overrides.resources.limits.cpu", "much"],
  ], ["spec.konnector.overrides.resources.limits.cpu: Invalid value"]],
];

for (const [about, kindName, edits, refused] of variants) {
  Deno.test(`An API server ${about}`, async () => {
    using cluster = await provider();
    await installCrds(cluster.client, KINDS, silentLog, within(60_000));
    await using namespace = await cluster.namespace("crds");
    const probe = new Probe(cluster, KINDS.find(({ resource }) => resource.kind === kindName)!, namespace.name);
    await (refused ? rejects(probe.create(edits), refused) : probe.create(edits));
  });
}

/** What the CRD of a kind promises, in the words of `PROMISES`; container overrides are Kubernetes', not ours. */
function promisesOf(kind: Kind): string[] {
  const lines: string[] = [];
  const visit = (schema: OpenApiSchema, path: string) => {
    if (path === "spec.konnector.overrides") return;
    const { properties, items, required } = schema as Record<string, Record<string, OpenApiSchema> & string[]>;
    const at = path || ".";
    if (schema.default !== undefined) lines.push(`${at} default ${JSON.stringify(schema.default)}`);
    if (schema.enum) lines.push(`${at} enum ${(schema.enum as string[]).join(" ")}`);
    if (schema.format === "date-time") lines.push(`${at} format date-time`);
    for (const keyword of ["pattern", "minLength", "minItems"]) {
      if (schema[keyword] !== undefined) lines.push(`${at} ${keyword} ${schema[keyword]}`);
    }
    const keys = schema["x-kubernetes-list-map-keys"] as string[] | undefined;
    if (keys) lines.push(`${at} list-map ${keys.join(" ")}`);
    for (const { rule, message } of (schema["x-kubernetes-validations"] ?? []) as Record<string, string>[]) {
      lines.push(`${at} rule ${rule} → ${message}`);
    }
    for (const field of required ?? []) {
      const filledIn = properties?.[field]?.default !== undefined;
      lines.push(`${path ? `${path}.` : ""}${field} required${filledIn ? FILLED_IN : ""}`);
    }
    for (const [field, inner] of Object.entries(properties ?? {})) visit(inner, path ? `${path}.${field}` : field);
    if (items) visit(items as unknown as OpenApiSchema, `${path}[0]`);
  };
  visit(toCrd(kind).spec.versions[0]!.schema!.openAPIV3Schema!, "");
  return lines;
}
