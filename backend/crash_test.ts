import assert, { deepEqual, equal } from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import {
  API_SERVICE_EXPORT_REQUESTS,
  API_SERVICE_EXPORT_TEMPLATES,
  API_SERVICE_EXPORTS,
  API_SERVICE_NAMESPACES,
  CLUSTER_BINDINGS,
} from "../crds/names.ts";
import { KubeClient } from "../kube/client.ts";
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  CONFIG_MAPS,
  CONTROLLER_REVISIONS,
  NAMESPACES,
  ROLE_BINDINGS,
  ROLES,
  SECRETS,
  SERVICE_ACCOUNTS,
} from "../kube/resources.ts";
import type { Resource } from "../kube/types.ts";
import { eventually, within } from "../tests/clusters.ts";
import { TestBackend } from "./contract_fixture.ts";
import { claim } from "./test_objects.ts";

// A backend may be killed at any of its writes; what is there by then has to be enough for the next one. Each story is
// told once for each of its writes, with a backend that dies of it.

/** A backend's process; from its write of this number on, counted from 0, it is dead. */
class Process implements Disposable {
  readonly client: KubeClient;
  hasDied = false;

  constructor({ cluster: { config } }: TestBackend, fatalWrite: number) {
    let writes = 0;
    this.client = new KubeClient(config, {
      beforeWrite: () => {
        if (writes++ < fatalWrite) return;
        this.hasDied = true;
        throw new Error("the process is dead");
      },
    });
  }

  [Symbol.dispose](): void {
    this.client.close();
  }
}

const OF_NAMESPACES = [
  API_SERVICE_EXPORT_REQUESTS,
  API_SERVICE_EXPORT_TEMPLATES,
  API_SERVICE_EXPORTS,
  API_SERVICE_NAMESPACES,
  CLUSTER_BINDINGS,
  CONTROLLER_REVISIONS,
  ROLE_BINDINGS,
  ROLES,
  SECRETS,
  SERVICE_ACCOUNTS,
];

/** What is of no account, or different each time. */
const PASSING = new Set(["uid", "resourceVersion", "creationTimestamp", "lastTransitionTime", "managedFields", "data"]);

/** All that a contract has brought about on the provider, with names that are the same each time. */
async function tracesOf({ cluster: { client }, namespace, identity }: TestBackend): Promise<unknown[]> {
  const isOurs = ({ metadata: { name } }: { metadata: { name: string } }) => name.includes(namespace);
  const wide = await Promise.all(
    [NAMESPACES, CLUSTER_ROLES, CLUSTER_ROLE_BINDINGS].map((one) => client.api(one).list({}, within(10_000))),
  );
  const [namespaces = [], ...roles] = wide.map(({ items }) => items.filter(isOurs));
  const inside = await Promise.all(
    namespaces.flatMap(({ metadata: { name } }) =>
      OF_NAMESPACES.map((one) => client.api(one).list({ namespace: name }, within(10_000)))
    ),
  );
  const all = [namespaces, ...roles, ...inside.map(({ items }) => items)].flat()
    .filter(({ kind, metadata: { name } }) => kind !== "ServiceAccount" || name !== "default");
  const text = JSON.stringify(all, (key, value) => PASSING.has(key) ? undefined : value)
    .replaceAll(namespace, "contract")
    .replaceAll(identity.subject, "jane")
    .replaceAll(/request-[0-9a-f]{8}/g, "request");
  return JSON.parse(text);
}

/** How a story ends with a death at the write of this number: whether it was reached. */
type Story = (fatalWrite: number) => Promise<boolean>;

/** @returns at how many writes it died */
async function killAtEachWrite(story: Story): Promise<number> {
  const atOnce = 6;
  for (let deaths = 0;; deaths += atOnce) {
    const died = await Promise.all(Array.from({ length: atOnce }, (_, index) => story(deaths + index)));
    const survivor = died.indexOf(false);
    if (survivor >= 0) return deaths + survivor;
  }
}

/** Lets controllers work until they die or are done, and then their successors. */
async function workTwice(backend: TestBackend, fatalWrite: number, isDone: () => Promise<boolean>): Promise<boolean> {
  using process = new Process(backend, fatalWrite);
  await backend.start({ client: process.client });
  await eventually("it dies or is done", async () => process.hasDied || await isDone(), { everyMs: 300 });
  await backend.stop();
  await backend.start();
  await eventually(`it is done after a death at write ${fatalWrite}`, isDone, { everyMs: 300 });
  return process.hasDied;
}

Deno.test("A login that is cut off at any of its writes is finished by the next one, with nothing twice", async () => {
  await using uncut = await TestBackend.prepare();
  await uncut.onboard();
  const wanted = await tracesOf(uncut);
  const deaths = await killAtEachWrite(async (fatalWrite) => {
    await using backend = await TestBackend.prepare();
    using process = new Process(backend, fatalWrite);
    await backend.bind({ client: process.client }).catch((error) => assert(process.hasDied, error));
    await backend.onboard();
    deepEqual(await tracesOf(backend), wanted, `killed at write ${fatalWrite}`);
    assert(await backend.mayList(API_SERVICE_EXPORTS, backend.namespace));
    return process.hasDied;
  });
  assert(deaths > 5, `${deaths} writes`);
});

const CLAIMS = [claim("secrets"), claim("configmaps", { selector: { namespaces: ["dev"] } })];

/** As a command line and a konnector do. @returns the mapped namespace */
async function ask(backend: TestBackend, { group, plural }: Resource): Promise<string> {
  const [{ status }, mapped] = await Promise.all([
    backend.requestResources({ group, resource: plural }),
    backend.mapNamespace("dev"),
  ]);
  equal(status?.phase, "Succeeded");
  return mapped;
}

/** What there is once nothing has changed for a while. */
async function settledTraces(backend: TestBackend): Promise<unknown[]> {
  let traces: unknown[] = [];
  await eventually("nothing changes", async () => {
    const before = traces;
    traces = await tracesOf(backend);
    return isDeepStrictEqual(traces, before);
  }, { everyMs: 1500 });
  return traces;
}

Deno.test("A backend that is killed at any of its writes has a successor that finishes the work, with nothing twice", async () => {
  await using unkilled = await TestBackend.open();
  const api = await unkilled.offer("dbs", CLAIMS);
  await ask(unkilled, api);
  const wanted = await settledTraces(unkilled);
  const deaths = await killAtEachWrite(async (fatalWrite) => {
    await using backend = await TestBackend.prepare();
    await backend.onboard();
    await backend.offerServed(api.plural, api.group, CLAIMS);
    const isDone = async () => {
      deepEqual(await tracesOf(backend), wanted);
      return true;
    };
    const [hasDied, mapped] = await Promise.all([workTwice(backend, fatalWrite, isDone), ask(backend, api)]);
    for (const one of [api, SECRETS, CONFIG_MAPS]) assert(await backend.mayList(one, mapped), one.plural);
    return hasDied;
  });
  assert(deaths > 10, `${deaths} writes`);
});

Deno.test("A backend that is killed while it takes a namespace back has a successor that deletes it to the end", async () => {
  const deaths = await killAtEachWrite(async (fatalWrite) => {
    await using backend = await TestBackend.open();
    const name = await backend.mapNamespace("dev");
    await backend.stop();
    const request = { namespace: backend.namespace, name: "dev" };
    const requests = backend.konnector.api(API_SERVICE_NAMESPACES);
    await requests.delete(request, {}, within(5000));
    const namespaces = backend.cluster.client.api(NAMESPACES);
    return await workTwice(
      backend,
      fatalWrite,
      async () => !await requests.find(request, within(5000)) && !await namespaces.find({ name }, within(5000)),
    );
  });
  assert(deaths > 1, `${deaths} writes`);
});
