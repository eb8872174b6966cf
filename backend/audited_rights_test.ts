import { deepEqual, equal, ok } from "node:assert/strict";
import { APP_CLUSTER_BINDINGS, BINDER_CLAIMS } from "../crds/names.ts";
import { NAMESPACES, ROLE_BINDINGS, SECRETS } from "../kube/resources.ts";
import { formatKey } from "../kube/types.ts";
import { eventually, within } from "../tests/clusters.ts";
import type { AuditRecord } from "./audit.ts";
import { TestBackend } from "./contract_fixture.ts";
import { ControlPlaneMode } from "./control_plane_fixture.ts";
import { identityText } from "./identity.ts";
import { claim } from "./test_objects.ts";

/** An audit log to look at; tests beside this one write theirs into it, too. */
class Records {
  readonly #everything: (AuditRecord & { what: string })[] = [];
  readonly #namespace: () => string;

  /** @param namespace the cluster namespace that this is about */
  constructor(namespace: () => string) {
    this.#namespace = namespace;
  }

  readonly audit = (what: string, record: AuditRecord) => void this.#everything.push({ ...record, what });

  get #all() {
    return this.#everything.filter(({ namespace }) => namespace === this.#namespace());
  }

  /** @param start of what happened */
  find = (start: string) => this.#all.find(({ what }) => what.startsWith(start));

  /** Once there is one. */
  expect = (start: string) => eventually(`it is recorded: ${start}`, () => this.find(start));

  /** @returns whose they are, each once */
  get owners() {
    return [...new Set(this.#all.map(({ identity, appClusterBinding }) => identity ?? appClusterBinding))];
  }
}

Deno.test("No right and no credential of a login comes or goes unseen: the lock-out and the end of a contract are recorded, too", async () => {
  await using backend = await TestBackend.prepare();
  const records = new Records(() => backend.namespace);
  await backend.onboard(records);
  ok(records.find("rights in its namespace granted"), "by the login itself");
  ok(records.find("credential issued"));
  await backend.start(records);
  await backend.offer("dbs", [claim("secrets", { selector: { namespaces: ["dev"], owner: "Provider" } })]);
  await backend.request("dbs");
  const mapped = await backend.mapNamespace("dev");
  equal((await records.expect("rights to claimed objects granted")).in, mapped);
  equal((await records.expect("rights in a mapped namespace granted")).in, mapped);
  const { cluster: { client }, namespace } = backend;
  ok(await client.api(ROLE_BINDINGS).find({ namespace: mapped, name: BINDER_CLAIMS }, within(5000)));
  await client.api(SECRETS).delete({ namespace, name: "kubeconfig" }, {}, within(5000));
  await records.expect("credential taken back");
  await client.api(NAMESPACES).delete({ name: namespace }, {}, within(5000));
  await records.expect("contract ended");
  deepEqual(records.owners, [identityText(backend.identity)]);
});

Deno.test("No right and no credential of an AppClusterBinding comes or goes unseen", async () => {
  await using owner = await TestBackend.prepare();
  await owner.onboard();
  await owner.offer("dbs", [claim("secrets")]);
  const { cluster, group } = owner;
  await using mode = new ControlPlaneMode(cluster, owner.namespace);
  await mode.connect(group);
  const records = new Records(() => mode.root);
  await mode.start(records);
  for (const what of ["account of", "rights of", "kubeconfig of", "rights in its", "rights follow"]) {
    await records.expect(what);
  }
  deepEqual(records.owners, [formatKey(mode.key)]);
  await cluster.client.api(APP_CLUSTER_BINDINGS).delete(mode.key, {}, within(5000));
  await records.expect("taken back with its AppClusterBinding");
});
