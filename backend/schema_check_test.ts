import { deepEqual, equal, match } from "node:assert/strict";
import { API_SERVICE_EXPORT_TEMPLATES } from "../crds/names.ts";
import { findCondition } from "../kube/conditions.ts";
import { messageOf } from "../kube/errors.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition } from "../kube/resources.ts";
import { installPolicy } from "../tests/admission_policy.ts";
import { eventually, uniqueName, within } from "../tests/clusters.ts";
import { ChangingApi, fieldsOf, text } from "./schema_fixture.ts";

/** A field that must not have that value: risky, and about values alone. */
const other = (than: string) => ({ ...text, "x-kubernetes-validations": [{ rule: `self != '${than}'` }] });

/** Any change of the template has the backend look at what the time is. */
const touch = ({ backend }: ChangingApi) =>
  backend.cluster.client.api(API_SERVICE_EXPORT_TEMPLATES).mergePatch(
    { namespace: backend.namespace, name: "dbs" },
    { metadata: { annotations: { touched: uniqueName("now") } } },
    {},
    within(5000),
  );

Deno.test("a schema that was looked at before is looked at again when the CRD has said something else in between", async () => {
  await using api = await ChangingApi.open();
  const untilRules = (count: number) =>
    eventually(
      `the export has ${count} rules`,
      async () => JSON.stringify((await api.own.read()).spec).split('"rule":').length - 1 === count,
    );
  await api.change({ plan: other("huge") });
  await untilRules(1);
  await api.change({ plan: text });
  await untilRules(0);
  const { backend } = api;
  await eventually("the backend knows nothing of the schema before", () => {
    const template = backend.caches.templates.store.get({ namespace: backend.namespace, name: "dbs" });
    return template?.status?.schema && !template.status.schema.impact;
  });
  await api.store("huge");
  await api.change({ plan: other("huge") });
  await api.own.until("SchemaBlocked", "plan");
  const { schema } = await api.status("SchemaBlocked");
  deepEqual([schema?.impact?.objects, schema?.impact?.refused], [1, 1]);
});

Deno.test("objects that do not fit are looked at again after a while: once they are repaired, the change goes out", async () => {
  let passedMs = 0;
  await using api = await ChangingApi.open({ now: () => new Date(Date.now() + passedMs) });
  await api.store("huge");
  await api.change({ plan: other("huge") });
  await api.own.until("SchemaBlocked", "plan");
  const { schema: before } = await api.status("SchemaBlocked");
  await api.objects.delete({ namespace: api.backend.namespace, name: "huge" }, {}, within(5000));
  passedMs = 5 * 60_000;
  await touch(api);
  await api.own.until(undefined, "plan");
  equal(before?.impact?.refused, 1);
});

Deno.test("what could not be looked at does not go out, not even by force, until it can", async () => {
  let passedMs = 0;
  await using api = await ChangingApi.open({ now: () => new Date(Date.now() + passedMs) });
  const { client } = api.backend.cluster;
  const field = uniqueName("f").replace("-", "");
  const crds = client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS);
  const properties = "object.spec.versions[0].schema.openAPIV3Schema.properties['spec'].properties";
  const policy = await installPolicy(client, {
    name: uniqueName("no-copies"),
    rule: { apiGroups: ["apiextensions.k8s.io"], operations: ["CREATE"], resources: ["customresourcedefinitions"] },
    validations: [{
      expression: `!object.spec.group.endsWith('.klutch.invalid') || !('${field}' in ${properties})`,
      message: "no copies here",
      reason: "Forbidden",
    }],
  });
  try {
    await api.change({ [field]: text });
    await api.own.until(undefined, `${field} plan`);
    await eventually("the policy is minded", async () => {
      const { apiVersion, kind, spec } = await crds.get({ name: api.name }, within(5000));
      const group = "probe.klutch.invalid";
      const copy = { apiVersion, kind, metadata: { name: `dbs.${group}` }, spec: { ...spec, group } };
      const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
      return await client.request("POST", path, { query: { dryRun: "All" }, body: copy }, within(5000))
        .then(() => false, (error) => messageOf(error).includes("no copies here"));
    });
    await api.policy({ policy: "Force", reason: "nobody uses it" });
    await api.change({ plan: null });
    await api.own.until("SchemaUnchecked", `${field} plan`);
    const { conditions, schema } = await api.status("SchemaUnchecked");
    match(
      findCondition(conditions, "SchemaInSync")!.message!,
      /could not be checked; .*no copies here.*it is tried again/,
    );
    equal(schema?.impact?.objects, 0);
  } finally {
    await policy[Symbol.asyncDispose]();
  }
  // What is minded takes a moment to be forgotten, too.
  await eventually("it is looked at, and goes out", async () => {
    passedMs += 5 * 60_000;
    await touch(api);
    return fieldsOf(await api.own.read()) === field;
  }, { everyMs: 2000 });
  deepEqual((await api.status(undefined)).schema?.impact?.problem, undefined);
});
