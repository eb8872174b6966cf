import assert from "node:assert/strict";
import type { Api } from "../../kube/api.ts";
import { KubeError } from "../../kube/errors.ts";
import { apiVersionOf, type DynamicObject, type Json, resourceName } from "../../kube/types.ts";
import { type TestCluster, uniqueName, within } from "../../tests/clusters.ts";
import type { Kind } from "../kind.ts";
import { ACCEPTED } from "./accepted.ts";

/** Values that break rules of CEL which no keyword tells apart: path and value, `undefined` to delete. */
const BREAKS: Record<string, [path: string, value: Json | undefined][]> = {
  "donate and adopt are mutually exclusive": [["autoAdopt", true], ["autoDonate", true]],
  "cluster binding name should be cluster": [["metadata.name", "another"]],
  'self.metadata.name == self.spec.names.plural+"."+self.spec.group': [["metadata.name", "gadgets.example.com"]],
  "informerScope must be Cluster for cluster-scoped resources": [
    ["scope", "Cluster"],
    ["clusterScopedIsolation", "Prefixed"],
  ],
  "clusterScopedIsolation must be defined for cluster-scoped resources": [
    ["scope", "Cluster"],
    ["informerScope", "Cluster"],
  ],
  "policy Force needs a reason": [["reason", undefined]],
  "clusterScopedIsolation is not relevant for namespaced resources": [["clusterScopedIsolation", "None"]],
};

/** Other values for what cannot be changed. */
const CHANGES: Record<string, Json> = {
  "spec.kubeconfigSecretRef": { name: "another", key: "kubeconfig", namespace: "another" },
  "spec.informerScope": "Cluster",
  "spec.parameters": { size: { nested: 2 } },
  "spec.resources": [{ group: "example.com", resource: "gadgets" }],
};

/** Path and new value; `undefined` deletes. */
export type Edit = [path: string, value: Json | undefined];

/** Creates, changes and breaks objects of one kind in one namespace. */
export class Probe {
  readonly #api: Api;
  readonly #namespace: string;
  readonly #kind: Kind;

  constructor({ client }: TestCluster, kind: Kind, namespace: string) {
    this.#api = client.api(kind.resource);
    this.#kind = kind;
    this.#namespace = namespace;
  }

  get #accepted() {
    return ACCEPTED[this.#kind.resource.kind]!;
  }

  async acceptsAll(): Promise<void> {
    const { spec, status } = this.#accepted;
    const created = await this.create();
    if (spec) assert.deepEqual(created.spec, { ...created.spec as object, ...this.#withDefaults(spec) });
    const stored = await this.#api.replaceStatus({ ...created, status }, within(10_000));
    assert.deepEqual(stored.status, status);
    const renewed = { ...stored, metadata: { ...stored.metadata, labels: { changed: "true" } } };
    await this.#api.delete((await this.#api.replace(renewed, within(10_000))).metadata, {}, within(10_000));
  }

  /** Ports of overridden containers get a protocol; nothing else in `ACCEPTED` was left out. */
  #withDefaults(spec: Json): object {
    const copy = structuredClone(spec) as Record<string, never>;
    const ports = get(copy, "konnector.overrides.ports") as Record<string, string>[] | undefined;
    for (const port of ports ?? []) port.protocol = "TCP";
    return copy;
  }

  async keeps(promise: string): Promise<void> {
    const [, path, keyword, detail] = /^(\S+) (\S+) ?(.*)$/s.exec(promise)!;
    const at = path === "." ? "" : path!;
    switch (keyword) {
      case "default":
        return await this.#keepsDefault(at, JSON.parse(detail!));
      case "required":
        return await this.#refuses([[at, undefined]], [`${at}: Required value`]);
      case "enum":
        return await this.#refuses([[at, "Nonsense"]], [
          `${at}: Unsupported value: …`,
          ...detail!.split(" ").map((value) => `"${value}"`),
        ]);
      case "pattern":
        return await this.#refuses([[at, "Not Like That!"]], [`${at}: Invalid value`, `should match '${detail}'`]);
      case "minLength":
        return await this.#refuses([[at, ""]], [`${at}: Invalid value`, "at least 1 chars long"]);
      case "minItems":
        return await this.#refuses([[at, []]], [`${at}: Invalid value`, "at least 1 items"]);
      case "format":
        return await this.#refuses([[at, "yesterday"]], [`${at}: Invalid value`, "date-time"]);
      case "list-map": {
        const [item] = get(this.#accepted, at) as Json[];
        return await this.#refuses([[at, [item!, item!]]], [`${at}[1]: Duplicate value`]);
      }
      case "rule":
        return await this.#keepsRule(at, detail!);
      default:
        assert.fail(`No proof for "${promise}"`);
    }
  }

  async #keepsDefault(path: string, value: Json): Promise<void> {
    const created = await this.create([[path, undefined]]);
    const filled = get(created, path);
    // Defaults of fields within come on top.
    assert.deepEqual(isEmptyObject(value) ? typeof filled : filled, isEmptyObject(value) ? "object" : value);
    await this.#api.delete(created.metadata, {}, within(10_000));
  }

  async #keepsRule(path: string, detail: string): Promise<void> {
    const [rule, message] = detail.split(" → ") as [string, string];
    if (rule === "self == oldSelf") {
      const created = await this.create();
      await rejects(this.#api.replace(edit(created, [[path, CHANGES[path]]]), within(10_000)), [path, message]);
      return await this.#api.delete(created.metadata, {}, within(10_000));
    }
    if (rule === "self.metadata.name == oldSelf.metadata.name") {
      // No request can break this rule: the API server compares with the name in the URL before it gets that far.
      const created = await this.create();
      const { group, version, plural } = this.#kind.resource;
      const url = `/apis/${group}/${version}/namespaces/${this.#namespace}/${plural}/${created.metadata.name}`;
      const body = edit(created, [["metadata.name", "another"]]);
      await rejects(this.#api.client.request("PUT", url, { body }, within(10_000)), ["does not match the name"], 400);
      return await this.#api.delete(created.metadata, {}, within(10_000));
    }
    const edits = BREAKS[rule] ?? BREAKS[message];
    assert.ok(edits, `Nothing breaks "${rule}"`);
    const prefix = path ? `${path}.` : "";
    await this.#refuses(edits.map(([field, value]) => [prefix + field, value]), [message]);
  }

  async #refuses(edits: Edit[], words: string[]): Promise<void> {
    if (!edits[0]![0].startsWith("status")) return await rejects(this.create(edits), words);
    const created = await this.create();
    const changed = edit({ ...created, status: this.#accepted.status }, edits);
    await rejects(this.#api.replaceStatus(changed, within(10_000)), words);
    await this.#api.delete(created.metadata, {}, within(10_000));
  }

  create(edits: Edit[] = []): Promise<DynamicObject> {
    const { name = uniqueName("probe"), spec, status } = this.#accepted;
    const { resource } = this.#kind;
    const object: DynamicObject = {
      apiVersion: apiVersionOf(resource),
      kind: resource.kind,
      metadata: { name, namespace: this.#namespace },
      spec,
      status, // ignored outside its subresource, but edits need something to hold on to
    };
    return this.#api.create(edit(object, edits), within(10_000));
  }

  async table(): Promise<string> {
    const { resource } = this.#kind;
    const { group, version, plural, kind } = resource;
    const { client } = this.#api;
    const { resources } = await client.request<{ resources: Record<string, unknown>[] }>(
      "GET",
      `/apis/${group}/${version}`,
      {},
      within(10_000),
    );
    const served = resources.find(({ name }) => name === plural);
    assert.ok(served, `${resourceName(resource)} is not served`);
    assert.deepEqual(
      [served.kind, served.namespaced, served.singularName, served.categories],
      [kind, true, kind.toLowerCase(), ["kube-bindings"]],
    );
    assert.ok(resources.some(({ name }) => name === `${plural}/status`), "status is no subresource");
    const { columnDefinitions } = await client.request<{ columnDefinitions: { name: string; priority: number }[] }>(
      "GET",
      `/apis/${group}/${version}/namespaces/${this.#namespace}/${plural}`,
      { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" },
      within(10_000),
    );
    const columns = columnDefinitions.map(({ name, priority }) => priority > 0 ? `(${name})` : name);
    return `${((served.shortNames ?? []) as string[]).join(" ")}: ${columns.join(" ")}`;
  }
}

/** That a request fails, and says these words. */
export async function rejects(request: Promise<unknown>, words: string[], status = 422): Promise<void> {
  const error = await request.then(() => assert.fail("the API server took it"), (error) => error);
  assert.ok(error instanceof KubeError, error);
  assert.equal(error.status, status, error.message);
  for (const word of words) assert.ok(error.message.includes(word), `"${word}" is not in: ${error.message}`);
}

const steps = (path: string): string[] => path.replaceAll("[0]", ".0").split(".");

const get = (object: unknown, path: string): unknown =>
  steps(path).reduce((at, step) => (at as Record<string, unknown> | undefined)?.[step], object);

/** A copy with some values set, or deleted where they are `undefined`. */
function edit<T>(object: T, edits: Edit[]): T {
  const copy = structuredClone(object);
  for (const [path, value] of edits) {
    const parents = steps(path);
    const field = parents.pop()!;
    const parent = (parents.length ? get(copy, parents.join(".")) : copy) as Record<string, unknown>;
    if (value === undefined) delete parent[field];
    else parent[field] = value;
  }
  return copy;
}

const isEmptyObject = (value: Json): boolean =>
  typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
