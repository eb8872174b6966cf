import assert, { deepEqual, equal } from "node:assert/strict";
import { API_SERVICE_EXPORTS, API_SERVICE_NAMESPACES } from "../crds/names.ts";
import { CONFIG_MAPS, NAMESPACES, SECRETS } from "../kube/resources.ts";
import type { Resource } from "../kube/types.ts";
import { eventually, within } from "../tests/clusters.ts";
import { TestBackend } from "./contract_fixture.ts";
import { killAtEachWrite, leaves, Process, settled, tracesOf, workTwice } from "./crash_fixture.ts";
import { claim } from "./test_objects.ts";

const traces = ({ cluster, namespace, identity }: TestBackend) =>
  tracesOf(cluster, namespace, { jane: identity.subject });

Deno.test("A login that is cut off at any of its writes is finished by the next one, with nothing twice", async () => {
  await using uncut = await TestBackend.prepare();
  await uncut.onboard();
  const wanted = await traces(uncut);
  const deaths = await killAtEachWrite(async (fatalWrite) => {
    await using backend = await TestBackend.prepare();
    using process = new Process(backend.cluster, fatalWrite);
    await backend.bind({ client: process.client }).catch((error) => assert(process.hasDied, error));
    await backend.onboard();
    deepEqual(await traces(backend), wanted, `killed at write ${fatalWrite}`);
    await eventually("the credential works", () => backend.mayList(API_SERVICE_EXPORTS, backend.namespace));
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

Deno.test("A backend that is killed at any of its writes has a successor that finishes the work, with nothing twice", async () => {
  await using unkilled = await TestBackend.open();
  const api = await unkilled.offer("dbs", CLAIMS);
  await ask(unkilled, api);
  const wanted = await settled(() => traces(unkilled));
  const deaths = await killAtEachWrite(async (fatalWrite) => {
    await using backend = await TestBackend.prepare();
    await backend.onboard();
    await backend.offerServed(api.plural, api.group, CLAIMS);
    const isDone = leaves(() => traces(backend), wanted);
    const [hasDied, mapped] = await Promise.all([workTwice(backend, fatalWrite, isDone), ask(backend, api)]);
    for (const one of [api, SECRETS, CONFIG_MAPS]) {
      await eventually(`${one.plural} may be listed`, () => backend.mayList(one, mapped));
    }
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
