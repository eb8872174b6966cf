import { deepEqual } from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import {
  API_SERVICE_BINDINGS,
  API_SERVICE_EXPORT_REQUESTS,
  API_SERVICE_EXPORT_TEMPLATES,
  API_SERVICE_EXPORTS,
  API_SERVICE_NAMESPACES,
  APP_CLUSTER_BINDINGS,
  APPLIED_HASH_ANNOTATION,
  CLUSTER_BINDINGS,
} from "../crds/names.ts";
import { KubeClient } from "../kube/client.ts";
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  CONTROLLER_REVISIONS,
  DEPLOYMENTS,
  NAMESPACES,
  ROLE_BINDINGS,
  ROLES,
  SECRETS,
  SERVICE_ACCOUNTS,
} from "../kube/resources.ts";
import type { KubeObject } from "../kube/types.ts";
import { eventually, type TestCluster, within } from "../tests/clusters.ts";

// A backend may be killed at any of its writes; what is there by then has to be enough for the next one. Each story is
// told once for each of its writes, with a backend that dies of it.

/** A backend's process; from its write of this number on, counted from 0, it is dead. */
export class Process implements Disposable {
  readonly client: KubeClient;
  hasDied = false;

  constructor({ config }: TestCluster, fatalWrite: number) {
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

/** How a story ends with a death at the write of this number: whether it was reached. */
export type Story = (fatalWrite: number) => Promise<boolean>;

/** @returns at how many writes it died */
export async function killAtEachWrite(story: Story, { atOnce = 6 } = {}): Promise<number> {
  for (let deaths = 0;; deaths += atOnce) {
    const died = await Promise.all(Array.from({ length: atOnce }, (_, index) => story(deaths + index)));
    const survivor = died.indexOf(false);
    if (survivor >= 0) return deaths + survivor;
  }
}

/** Controllers on a cluster. */
export interface Controllers {
  readonly cluster: TestCluster;
  start(rest?: { client: KubeClient }): Promise<void>;
  stop(): Promise<void>;
}

/** With several stories at once, the API server has its hands full. */
const RARELY = { everyMs: 500 };

/** Lets controllers work until they die or are done, and then their successors. */
export async function workTwice(
  controllers: Controllers,
  fatalWrite: number,
  isDone: () => Promise<boolean>,
): Promise<boolean> {
  using process = new Process(controllers.cluster, fatalWrite);
  await controllers.start({ client: process.client });
  await eventually("it dies or is done", async () => process.hasDied || await isDone(), RARELY);
  await controllers.stop();
  await controllers.start();
  await eventually(`it is done after a death at write ${fatalWrite}`, isDone, RARELY);
  return process.hasDied;
}

/**
 * Lets controllers work of which each dies after a single write, until one finds nothing left to do: for stories that
 * would get into each other's way.
 *
 * @returns how many died
 */
export async function workWriteByWrite(controllers: Controllers, isDone: () => Promise<boolean>): Promise<number> {
  for (let deaths = 0;; deaths++) {
    using process = new Process(controllers.cluster, 1);
    await controllers.start({ client: process.client });
    await eventually("it dies or is done", async () => process.hasDied || await isDone(), RARELY);
    await controllers.stop();
    if (!process.hasDied) return deaths;
  }
}

const OF_NAMESPACES = [
  API_SERVICE_BINDINGS,
  API_SERVICE_EXPORT_REQUESTS,
  API_SERVICE_EXPORT_TEMPLATES,
  API_SERVICE_EXPORTS,
  API_SERVICE_NAMESPACES,
  APP_CLUSTER_BINDINGS,
  CLUSTER_BINDINGS,
  CONTROLLER_REVISIONS,
  DEPLOYMENTS,
  ROLE_BINDINGS,
  ROLES,
  SECRETS,
  SERVICE_ACCOUNTS,
];

/** What is of no account, or different each time. */
const PASSING = new Set([
  APPLIED_HASH_ANNOTATION,
  "creationTimestamp",
  "lastTransitionTime",
  "managedFields",
  "resourceVersion",
  "uid",
]);

/**
 * All that a contract has brought about on the provider.
 *
 * @param aliases what is called otherwise each time, by the name to tell it by
 */
export async function tracesOf(
  { client }: TestCluster,
  namespace: string,
  aliases: Record<string, string> = {},
): Promise<KubeObject[]> {
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
  const compared = (key: string, value: unknown) => {
    if (PASSING.has(key)) return undefined;
    return key === "data" ? Object.keys(value ?? {}).toSorted() : value; // tokens differ each time
  };
  let text = JSON.stringify(all, compared);
  for (const [alias, name] of Object.entries({ contract: namespace, ...aliases })) text = text.replaceAll(name, alias);
  return JSON.parse(text.replaceAll(/request-[0-9a-f]{8}/g, "request"));
}

/** Longer than controllers put off what can wait. */
const REST_MS = 4_000;

/** What there is once nothing has changed for a while. */
export async function settled(traces: () => Promise<unknown[]>): Promise<unknown[]> {
  let now: unknown[] = [];
  let sinceMs = performance.now();
  await eventually("nothing changes", async () => {
    const before = now;
    now = await traces();
    if (!isDeepStrictEqual(now, before)) sinceMs = performance.now();
    return performance.now() - sinceMs > REST_MS;
  }, RARELY);
  return now;
}

/** For `workTwice`: that the traces are these; `eventually` shows the difference. */
export const leaves = (traces: () => Promise<unknown[]>, wanted: unknown[]) => async (): Promise<boolean> => {
  deepEqual(await traces(), wanted);
  return true;
};
