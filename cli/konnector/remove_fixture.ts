import { type TestCluster, within } from "../../tests/clusters.ts";
import { konnectorManifests } from "./manifests.ts";
import { boundRights } from "./rights.ts";

/** Takes away what installing the konnector makes, but for the namespace: it is others' home, too. */
export async function removeKonnector({ client }: Pick<TestCluster, "client">): Promise<void> {
  for (const { resource, object } of konnectorManifests("", boundRights([])).slice(1).toReversed()) {
    await client.api(resource).delete(object.metadata, {}, within(5_000));
  }
}
