import { equal } from "node:assert/strict";
import { consumer, eventually, uniqueName, within } from "../../tests/clusters.ts";
import { installCrd, mangoDbCrd } from "../../tests/mangodb.ts";
import type { Landscape } from "../diagnosis/landscape.ts";
import { findTarget } from "./target.ts";

Deno.test("findTarget() takes all the words by which kubectl knows a kind", async () => {
  using cluster = await consumer();
  const group = `${uniqueName("target")}.example.com`;
  const crd = mangoDbCrd(group);
  Object.assign(crd.spec.names, { singular: "mango", shortNames: ["mg"] });
  await using _ = await installCrd(cluster.client, crd);
  const landscape = { appCluster: cluster.client, bindings: [] } as unknown as Landscape;
  for (const word of ["mango", "MangoDB", "mangodbs", "mg"]) {
    const { resource } = await eventually(`${word} is known`, async () => {
      const target = await findTarget(landscape, `${word}.${group}`, within(5_000));
      return target.resource && target;
    });
    equal(resource!.plural, "mangodbs");
  }
});
