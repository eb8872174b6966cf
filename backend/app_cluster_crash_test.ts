import assert from "node:assert/strict";
import { TestBackend } from "./contract_fixture.ts";
import { ControlPlaneMode } from "./control_plane_fixture.ts";
import { killAtEachWrite, leaves, settled, tracesOf, workTwice } from "./crash_fixture.ts";
import { claim } from "./test_objects.ts";

Deno.test("A backend that is killed while it connects an app cluster has a successor that finishes it, with nothing twice", async () => {
  await using owner = await TestBackend.prepare();
  await owner.onboard();
  const { cluster, group } = owner;
  await owner.offer("dbs", [claim("secrets")]);
  const traces = ({ key: { namespace } }: ControlPlaneMode) => tracesOf(cluster, namespace);

  const wanted = await (async () => {
    await using unkilled = new ControlPlaneMode(cluster, owner.namespace);
    await unkilled.connect(group);
    await unkilled.start();
    return await settled(() => traces(unkilled));
  })();
  const deaths = await killAtEachWrite(async (fatalWrite) => {
    await using backend = new ControlPlaneMode(cluster, owner.namespace);
    await backend.connect(group);
    return await workTwice(backend, fatalWrite, leaves(() => traces(backend), wanted));
  }, { atOnce: 1 }); // each sees the AppClusterBindings of all
  assert(deaths > 10, `${deaths} writes`);
});
