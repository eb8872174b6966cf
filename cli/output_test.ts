import { equal } from "node:assert/strict";
import { API_VERSION } from "../crds/names.ts";
import { formatRequests } from "./output.ts";

Deno.test("formatRequests() names a request that has no name by its APIs", async () => {
  const request = (name: string | undefined, ...resources: string[]) => ({
    apiVersion: API_VERSION,
    kind: "APIServiceExportRequest" as const,
    metadata: { name },
    spec: { resources: resources.map((resource) => ({ group: "example.com", resource })) },
  });
  equal(
    await formatRequests([request("all", "mangodbs"), request(undefined, "queues", "topics")], "name"),
    ["all", "queues.example.com", "topics.example.com"]
      .map((name) => `apiserviceexportrequest.klutch.anynines.com/${name}\n`).join(""),
  );
});
