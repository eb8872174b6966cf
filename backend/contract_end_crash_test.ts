import assert from "node:assert/strict";
import {
  API_SERVICE_NAMESPACE_ANNOTATION,
  API_SERVICE_NAMESPACES,
  CLUSTER_BINDING_NAME,
  CLUSTER_BINDINGS,
  ORPHANS_ANNOTATION,
} from "../crds/names.ts";
import { NAMESPACES } from "../kube/resources.ts";
import { apiVersionOf, isDeleting, type KubeObject, type Resource } from "../kube/types.ts";
import { eventually, within } from "../tests/clusters.ts";
import { TestBackend } from "./contract_fixture.ts";
import { type Controllers, killAtEachWrite, leaves, tracesOf, workTwice } from "./crash_fixture.ts";
import { claim } from "./test_objects.ts";

const OPERATOR = "operator.test/service";

/** A contract in use, whose backend has stopped. */
class UsedContract implements AsyncDisposable {
  readonly backend: TestBackend;
  readonly #service: { api: Resource; namespace: string };
  readonly #beside: string[];

  private constructor(backend: TestBackend, service: { api: Resource; namespace: string }, beside: string[]) {
    this.backend = backend;
    this.#service = service;
    this.#beside = beside;
  }

  /** @param api is offered to it, and has a service in it */
  static async open(api: Resource): Promise<UsedContract> {
    await using opening = new AsyncDisposableStack();
    const backend = opening.use(await TestBackend.prepare());
    await backend.onboard();
    await backend.offerServed(api.plural, api.group, [claim("secrets"), claim("configmaps")]);
    await backend.start();
    await backend.requestResources({ group: api.group, resource: api.plural });
    const [namespace] = await Promise.all([backend.mapNamespace("dev"), backend.mapNamespace("prod")]);
    await backend.stop();
    const { client } = backend.cluster;
    const metadata = { namespace, name: "db", finalizers: [OPERATOR] };
    await client.api(api).create({ apiVersion: apiVersionOf(api), kind: api.kind, metadata }, within(5000));
    // One that has lost its APIServiceNamespace, and one of somebody else.
    const beside = [["lost", `${backend.namespace}/lost`], ["theirs"]].map(([name, owner]) => ({
      name: `${backend.namespace}-${name}`,
      ...(owner && { annotations: { [API_SERVICE_NAMESPACE_ANNOTATION]: owner } }),
    }));
    for (const metadata of beside) {
      await client.api(NAMESPACES).create({ apiVersion: "v1", kind: "Namespace", metadata }, within(5000));
    }
    opening.move();
    return new UsedContract(backend, { api, namespace }, beside.map(({ name }) => name));
  }

  traces(): Promise<KubeObject[]> {
    return tracesOf(this.backend.cluster, this.backend.namespace);
  }

  /** As an operator does, who needs a moment to delete the service; it is still somebody's by then. */
  async endService(): Promise<void> {
    const { client } = this.backend.cluster;
    const { api, namespace } = this.#service;
    const key = { namespace, name: "db" };
    await eventually(
      "the service is to be deleted",
      async () => isDeleting(await client.api(api).get(key, within(5000))),
      {
        timeoutMs: 120_000,
      },
    );
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const request = { namespace: this.backend.namespace, name: "dev" };
    assert(
      await client.api(API_SERVICE_NAMESPACES).find(request, within(5000)),
      "let go before its namespace was gone",
    );
    await client.api(api).mergePatch(key, { metadata: { finalizers: null } }, {}, within(5000));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { client } = this.backend.cluster;
    for (const name of this.#beside) await client.api(NAMESPACES).delete({ name }, {}, within(5000));
    await this.backend[Symbol.asyncDispose]();
  }
}

/** What people do about a contract, how backends then run, and what stays beside it. */
interface End {
  how: string;
  bring(backend: TestBackend): Promise<void>;
  tokenLifetimeMs?: number;
  stays: string[];
}

const ORPHANS = { metadata: { annotations: { [ORPHANS_ANNOTATION]: "delete" } } };
const ENDS: End[] = [
  {
    how: "its namespace is deleted",
    bring: ({ cluster, namespace }) => cluster.client.api(NAMESPACES).delete({ name: namespace }, {}, within(5000)),
    stays: ["contract-lost", "contract-theirs"],
  },
  {
    how: "nobody wants it any more, its app cluster being gone",
    async bring({ cluster: { client }, namespace }) {
      const contract = { namespace, name: CLUSTER_BINDING_NAME };
      await client.api(CLUSTER_BINDINGS).mergePatch(contract, ORPHANS, {}, within(5000));
      await client.api(NAMESPACES).mergePatch({ name: `${namespace}-lost` }, ORPHANS, {}, within(5000));
    },
    tokenLifetimeMs: 1000,
    stays: ["contract-theirs"],
  },
];

for (const { how, bring, tokenLifetimeMs, stays } of ENDS) {
  Deno.test(`A backend that is killed while a contract ends since ${how} has a successor that takes back all of it, and nothing else`, async () => {
    await using owner = await TestBackend.prepare();
    await owner.onboard();
    const api = await owner.offer("dbs");
    const controllersOf = ({ backend }: UsedContract): Controllers => ({
      cluster: backend.cluster,
      start: (rest) => backend.start({ ...rest, ...(tokenLifetimeMs && { tokenLifetimeMs }) }),
      stop: () => backend.stop(),
    });

    const deaths = await killAtEachWrite(async (fatalWrite) => {
      await using contract = await UsedContract.open(api);
      const wanted = (await contract.traces()).filter(({ metadata: { namespace, name } }) =>
        stays.includes(namespace ?? name)
      );
      assert(wanted.length >= stays.length);
      await bring(contract.backend);
      const isDone = leaves(() => contract.traces(), wanted);
      const [hasDied] = await Promise.all([
        workTwice(controllersOf(contract), fatalWrite, isDone),
        contract.endService(),
      ]);
      return hasDied;
    });
    assert(deaths > 3, `${deaths} writes`);
  });
}
