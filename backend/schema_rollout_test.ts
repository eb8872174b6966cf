import { deepEqual, equal, match } from "node:assert/strict";
import { sourceSpecHash } from "../crds/export_schema.ts";
import { API_SERVICE_EXPORT_TEMPLATES, SCHEMA_LABEL } from "../crds/names.ts";
import { findCondition } from "../kube/conditions.ts";
import { CONTROLLER_REVISIONS, type ControllerRevision, type OpenApiSchema } from "../kube/resources.ts";
import { eventually, within } from "../tests/clusters.ts";
import { MyClusters } from "./my_clusters.ts";
import { ChangingApi, text } from "./schema_fixture.ts";
import { MAX_SNAPSHOTS } from "./schema_snapshots.ts";
import { claim } from "./test_objects.ts";

Deno.test("Auto: safe changes go out, others wait until they are approved or taken back", async () => {
  await using api = await ChangingApi.open();
  await api.own.until(undefined, "plan");
  await api.change({ size: text });
  await api.own.until(undefined, "plan size");
  await api.change({ plan: null });
  await api.own.until("SchemaBlocked", "plan size");
  const { schema, conditions } = await api.status("SchemaBlocked");
  equal(schema?.verdict, "breaking");
  equal(schema?.waiting, 1);
  match(findCondition(conditions, "SchemaInSync")!.message!, /spec\.plan: the field is gone.*schemaChanges\.approved/);

  const mine = new MyClusters(api.backend.caches, new AbortController().signal);
  await eventually("the page tells that it waits", () => {
    const [cluster] = mine.of(api.backend.identity.subject);
    return cluster?.apis[0]?.schema?.isRefused === false && cluster.apis[0].schema.why.includes("is breaking");
  });

  await api.change({ plan: text });
  await api.own.until(undefined, "plan size");
  await api.change({ plan: null });
  await api.policy({ policy: "Auto", approved: schema!.hash });
  await api.own.until(undefined, "size");
  equal((await api.status(undefined)).schema?.current, 1);
});

Deno.test("Manual and Pinned: nothing goes out by itself; claims of the template still do", async () => {
  await using api = await ChangingApi.open();
  await api.policy({ policy: "Manual" });
  await api.change({ size: text });
  await api.own.until("SchemaPending", "plan");
  const { schema } = await api.status("SchemaPending");
  equal(schema?.verdict, "safe");
  await api.policy({ policy: "Pinned", approved: schema!.hash });
  await api.own.until("SchemaPinned", "plan");
  await api.backend.cluster.client.api(API_SERVICE_EXPORT_TEMPLATES).mergePatch(
    { namespace: api.backend.namespace, name: "dbs" },
    { spec: { permissionClaims: [{ group: "", resource: "secrets", version: "v1" }] } },
    {},
    within(5000),
  );
  await eventually("the claim is there", async () => (await api.own.read()).spec.permissionClaims?.length === 1);
  await api.own.until("SchemaPinned", "plan");
  await api.policy({ policy: "Manual", approved: schema!.hash });
  await api.own.until(undefined, "plan size");
});

Deno.test("Force: all goes out, for a reason", async () => {
  await using api = await ChangingApi.open();
  await api.policy({ policy: "Force", reason: "nobody uses it" });
  await api.change({ plan: null, size: text });
  await api.own.until(undefined, "size");
  await api.status(undefined);
});

Deno.test("Canaries come first, and whoever waits for them stops when one refuses", async () => {
  await using api = await ChangingApi.open();
  await api.policy({ policy: "Auto", canary: { matchLabels: { stage: "canary" } } });
  await api.change({ size: text });
  await api.own.until("SchemaPending", "plan");
  match(
    (await api.own.read()).status!.conditions!.map(({ message }) => message).join(),
    /No app cluster that has the API is one of those/,
  );

  await api.own.label(api.backend.cluster.client, { stage: "canary" });
  await api.own.until(undefined, "plan size");
  await api.own.reportRefused();
  await eventually("the template counts it", async () => (await api.status(undefined)).schema?.refused === 1);
  const mine = new MyClusters(api.backend.caches, new AbortController().signal);
  equal(mine.of(api.backend.identity.subject)[0]?.apis[0]?.schema?.isRefused, true);
});

Deno.test("Stored objects are checked before a change that is not safe goes out, and what came out is told", async () => {
  await using api = await ChangingApi.open();
  await api.store("small");
  await api.change({ plan: { ...text, "x-kubernetes-validations": [{ rule: "self != 'huge'" }] } });
  await eventually("the object was looked at", async () => {
    const { schema } = await api.status(undefined);
    return schema?.impact?.objects === 1 && schema.impact.refused === 0 && schema.current === 1;
  });

  await api.change({ plan: { ...text, "x-kubernetes-validations": [{ rule: "self == 'large'" }] } });
  await api.own.until("SchemaBlocked", "plan");
  const { schema: harmful, conditions } = await api.status("SchemaBlocked");
  equal(harmful?.verdict, "risky");
  const samples = [{ object: `${api.backend.namespace}/small`, paths: ["spec.plan"] }];
  deepEqual(harmful?.impact?.tenants, [{ tenant: "", objects: 1, refused: 1, samples }]);
  match(findCondition(conditions, "SchemaInSync")!.message!, /1 of 1 stored objects no longer fit/);
});

Deno.test("App clusters go back to a kept schema, and follow the CRD again", async () => {
  await using api = await ChangingApi.open();
  await api.change({ size: text });
  await api.own.until(undefined, "plan size");
  await api.change({ zone: text });
  await api.own.until(undefined, "plan size zone");
  const kept = await eventually("both are kept", async () => {
    const { snapshots = [] } = await api.status(undefined);
    return snapshots.length === 2 && snapshots;
  });
  const [size, plan] = kept.map(({ hash }) => hash);

  await api.policy({ policy: "Auto", rollBackTo: plan! });
  await api.own.until("SchemaRolledBack", "plan");
  equal((await api.status("SchemaRolledBack")).schema?.waiting, 1);
  await api.change({ name: text });
  await api.own.until("SchemaRolledBack", "plan");
  await api.policy({ policy: "Auto", rollBackTo: size! });
  await api.own.until("SchemaRolledBack", "plan size");
  await api.policy({ policy: "Auto", rollBackTo: "no-such-schema" });
  await api.own.until("SchemaPinned", "plan size");
  await api.policy({ policy: "Auto" });
  await api.own.until(undefined, "name plan size zone");
});

Deno.test("Nothing but the schema is kept and goes back, also out of what an earlier backend has kept", async () => {
  await using api = await ChangingApi.open();
  const { client } = api.backend.cluster;
  const revisions = client.api<ControllerRevision>(CONTROLLER_REVISIONS);
  await api.change({ size: text });
  await api.own.until(undefined, "plan size");
  const { items: [kept] } = await revisions.list({ namespace: api.backend.namespace }, within(5000));
  deepEqual(Object.keys(kept!.data as object).sort(), ["group", "names", "scope", "versions"]);

  const { apiVersion, kind, metadata: { ownerReferences }, revision } = kept!;
  const spec = structuredClone((await api.own.read()).spec);
  const { properties } = spec.versions[0]!.schema.openAPIV3Schema as { properties: { spec: OpenApiSchema } };
  properties.spec.properties = { old: text };
  const hash = sourceSpecHash(spec);
  const claims = [claim("secrets", { selector: { owner: "Consumer" } })];
  await revisions.create({
    apiVersion,
    kind,
    metadata: {
      namespace: api.backend.namespace,
      name: "kept-by-an-earlier-backend",
      labels: { [SCHEMA_LABEL]: hash },
      ownerReferences,
    },
    revision: revision + 1,
    data: { ...spec, informerScope: "Cluster", permissionClaims: claims },
  }, within(5000));
  await eventually("the backend knows it", async () => (await api.status(undefined)).snapshots?.[0]?.hash === hash);

  await api.policy({ policy: "Auto", rollBackTo: hash });
  await api.own.until("SchemaRolledBack", "old");
  const { informerScope, permissionClaims } = (await api.own.read()).spec;
  deepEqual([informerScope, permissionClaims], ["Namespaced", undefined]);
});

Deno.test("So many schemas are kept, and no more; the one that is gone back to among them", async () => {
  await using api = await ChangingApi.open();
  const first = await api.own.hash();
  for (let n = 0; n < MAX_SNAPSHOTS + 2; n++) {
    await api.change({ [`f${n}`]: text });
    const fields = [...Array.from({ length: n + 1 }, (_, index) => `f${index}`), "plan"].sort().join(" ");
    await api.own.until(undefined, fields);
  }
  const { snapshots } = await eventually("the oldest are deleted", async () => {
    const status = await api.status(undefined);
    return status.snapshots?.length === MAX_SNAPSHOTS && status;
  });
  equal(snapshots!.some(({ hash }) => hash === first), false);
  const oldest = snapshots!.at(-1)!.hash;
  await api.policy({ policy: "Auto", rollBackTo: oldest });
  await api.own.until("SchemaRolledBack", "f0 f1 plan");
  await eventually("it is still kept", async () => {
    const { snapshots = [] } = await api.status("SchemaRolledBack");
    return snapshots.some(({ hash }) => hash === oldest) && snapshots.length === MAX_SNAPSHOTS + 1;
  });
});
