import { equal, rejects } from "node:assert/strict";
import type { APIServiceExport } from "../crds/api_service_export.ts";
import {
  API_SERVICE_EXPORT_TEMPLATES,
  API_SERVICE_EXPORTS,
  CLAIMED_FOR_LABEL,
  NARROWED_CLAIMS_ANNOTATION,
  RESOURCE_OWNER_ANNOTATION,
} from "../crds/names.ts";
import type { PermissionClaim } from "../crds/shared.ts";
import { isForbidden } from "../kube/errors.ts";
import { type Secret, SECRETS } from "../kube/resources.ts";
import { annotationOf } from "../kube/types.ts";
import { OWNER } from "../sync/instance_plan.ts";
import { eventually, within } from "../tests/clusters.ts";
import { TestBackend } from "./contract_fixture.ts";
import { formatKinds, narrowedKinds, readKinds } from "./narrowed_claims.ts";
import { claim, serviceExport } from "./test_objects.ts";

const settings = (...names: string[]) => claim("secrets", { selector: { names, owner: "Consumer" } });

const cases: [name: string, before: PermissionClaim[], after: PermissionClaim[], want: string][] = [
  ["a claim that stays", [settings("a")], [settings("a")], ""],
  ["a claim that is new", [], [settings("a")], ""],
  ["other names", [settings("a")], [settings("b")], "secrets.v1"],
  ["a claim less", [settings("a"), claim("configmaps")], [settings("a")], ""],
  ["two of one kind less", [settings("a"), settings("b")], [], "secrets.v1"],
  ["another group", [{ ...settings("a"), resource: "gizmos", group: "x.io" }], [], "gizmos.v1.x.io"],
  ["a claim on either side's objects less", [claim("configmaps", { selector: {} })], [], "configmaps.v1"],
];
for (const [name, before, after, want] of cases) {
  Deno.test(`narrowedKinds() of ${name}: ${want || "none"}`, () => {
    const text = formatKinds(narrowedKinds(before, after));
    equal(text, want);
    const made = serviceExport("a", ["dbs", "x.io"]);
    made.metadata.annotations = { [NARROWED_CLAIMS_ANNOTATION]: text };
    equal(formatKinds(readKinds(made)), want);
  });
}

/** A contract whose template claims Secrets `a` and `b`, both copied to the provider, beside one that is no copy. */
async function openClaimed() {
  const backend = await TestBackend.open();
  await backend.offer("dbs", [settings("a", "b")]);
  await backend.request("dbs");
  const mapped = await backend.mapNamespace("dev");
  const secrets = backend.konnector.api<Secret>(SECRETS);
  const marks = {
    labels: { [CLAIMED_FOR_LABEL]: backend.namespace },
    annotations: { [RESOURCE_OWNER_ANNOTATION]: "Consumer" },
  };
  const secret = (name: string): Secret => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { namespace: mapped, name, ...marks },
  });
  await eventually("rights are there", () => secrets.list({ namespace: mapped }, within(5000)));
  for (const name of ["a", "b"]) {
    await secrets.createAs(secret(name), { fieldManager: OWNER.predecessor }, within(5000));
  }
  await backend.cluster.client.api<Secret>(SECRETS).create(secret("duplicate-of-a"), within(5000));
  return { backend, secrets, mapped };
}

const claims = ({ namespace, cluster }: TestBackend, permissionClaims: PermissionClaim[] | null) =>
  cluster.client.api(API_SERVICE_EXPORT_TEMPLATES)
    .mergePatch({ namespace, name: "dbs" }, { spec: { permissionClaims } }, {}, within(5000));

async function namesIn({ cluster }: TestBackend, namespace: string): Promise<string> {
  const { items } = await cluster.client.api(SECRETS).list({ namespace }, within(5000));
  return items.map(({ metadata }) => metadata.name).sort().join();
}

Deno.test("What a narrower claim does not reach any more is removed, although the konnector has lost the right to", async () => {
  const { backend, secrets, mapped } = await openClaimed();
  await using _backend = backend;
  await claims(backend, [settings("b")]);
  await eventually("its copy is gone", async () => await namesIn(backend, mapped) === "b,duplicate-of-a");
  await eventually("and the rights to it", async () => {
    await rejects(secrets.delete({ namespace: mapped, name: "a" }, {}, within(5000)), isForbidden);
    return true;
  });
});

Deno.test("Claims that are dropped while the backend is down leave no copies, and no trace on the export", async () => {
  const { backend, mapped } = await openClaimed();
  await using _backend = backend;
  await backend.stop();
  await claims(backend, null);
  await backend.start();
  await eventually("copies are gone", async () => await namesIn(backend, mapped) === "duplicate-of-a");
  await backend.stop(); // before it has looked a second time
  await backend.start();
  const key = { namespace: backend.namespace, name: `dbs.${backend.group}` };
  await eventually("the export is as if nothing had been claimed", async () => {
    const found = await backend.cluster.client.api<APIServiceExport>(API_SERVICE_EXPORTS).get(key, within(5000));
    return !found.spec.permissionClaims && annotationOf(found, NARROWED_CLAIMS_ANNOTATION) === undefined;
  });
});
