import assert from "node:assert/strict";
import { parse } from "yaml";
import type { APIServiceExport } from "../../crds/api_service_export.ts";
import type { APIServiceExportRequest } from "../../crds/api_service_export_request.ts";
import {
  API_SERVICE_BINDINGS,
  API_SERVICE_EXPORTS,
  BOUND_ANNOTATION,
  IDENTITY_ANNOTATION,
  KLUTCH_NAMESPACE,
} from "../../crds/names.ts";
import type { PermissionClaim } from "../../crds/shared.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, NAMESPACES, SECRETS } from "../../kube/resources.ts";
import { annotationOf } from "../../kube/types.ts";
import { eventually, within } from "../clusters.ts";
import { mangoDbCrd } from "../mangodb.ts";
import { Story } from "./harness.ts";
import { DEFAULT, Mangos } from "./mangos.ts";
import type { Program } from "./program.ts";

const GROUP = "mangodb.com";
const API = `mangodbs.${GROUP}`;
const SECRETS_CLAIM: PermissionClaim = {
  group: "",
  resource: "secrets",
  version: "v1",
  selector: { names: ["*"], namespaces: ["*"], owner: "Provider" },
};

for (const scope of ["Namespaced", "Cluster"] as const) {
  Deno.test(`an API is bound, and its objects follow, with consumer scope ${scope}`, async (t) => {
    await using story = await Story.open();
    const mangos = new Mangos(story, GROUP);
    let backend: Program;
    let konnector: Program;

    await story.step(t, "given a provider with two offers, and a konnector in an empty app cluster", async () => {
      backend = await story.startBackend(`--consumer-scope=${scope}`);
      konnector = await story.startKonnector();
      await story.backendReady();
      await story.offer(mangoDbCrd(GROUP), [SECRETS_CLAIM]);
      await story.offer(mangoDbCrd("other.example.com"));
      await story.offered(API, "mangodbs.other.example.com");
    });

    await story.step(t, "a dry run prints the request, and binds nothing", async () => {
      const { code, stdout, resources } = await story.bind(API, { args: ["--dry-run"] });
      assert.equal(code, 0);
      const request = parse(stdout) as APIServiceExportRequest;
      assert.equal(request.kind, "APIServiceExportRequest");
      assert.deepEqual(request.spec.resources.map(({ group, resource }) => ({ group, resource })), [
        { group: GROUP, resource: "mangodbs" },
      ]);
      assert.deepEqual(await bindings(story), []);
      assert.deepEqual(
        (await story.consumer.client.api(SECRETS).list({ namespace: KLUTCH_NAMESPACE }, soon())).items,
        [],
      );
      assert.equal(await story.consumer.client.api(CUSTOM_RESOURCE_DEFINITIONS).find({ name: API }, soon()), undefined);

      assert.match(resources.text, /Mango Inc\..* signed in as alice@example\.com/);
      for (const group of [GROUP, "other.example.com"]) assert.ok(resources.text.includes(`Group ${group}`), group);
      assert.equal(resources.links.filter(({ classes }) => classes.includes("mangodbs")).length, 2);
      assert.match(resources.text, /secrets/i);
    });

    await story.step(t, "bind asks about the claim, waits until the API is there, and says so", async () => {
      const { code, stdout, stderr, end } = await story.bind(API, { stdin: "y\n" });
      assert.equal(code, 0, stderr);
      assert.match(stdout, /secrets/);
      assert.match(stderr, new RegExp(`APIServiceBinding ${API} is Ready: this cluster now serves ${API}`));
      assert.match(end.text, /You have been authenticated successfully!/);

      const { spec } = await story.binding(API);
      assert.deepEqual(spec.permissionClaims?.map(({ resource, state }) => [resource, state]), [[
        "secrets",
        "Accepted",
      ]]);
      await eventually("all conditions hold", async () => {
        const { conditions } = (await story.binding(API)).status!;
        assert.ok(conditions!.every((one) => one.status === "True"), JSON.stringify(conditions));
        return true;
      });
      assert.equal(await story.consumer.kubectl(["get", "mangodbs", "--output=name"]), "");
      assert.deepEqual((await exports(story)).map(({ spec }) => spec.informerScope), [scope]);
      await eventually(
        "the binding names its provider",
        async () => (await story.binding(API)).status?.providerPrettyName === "Mango Inc.",
      );
    });

    await story.step(t, "an object appears on the provider, once", async () => {
      await mangos.create();
      const { metadata } = await mangos.until("provider", "appears");
      assert.equal(metadata.namespace, `${await clusterNamespace(story)}-default`);
      assert.equal(metadata.annotations?.[BOUND_ANNOTATION], "true");
      assert.equal((await mangos.list("provider")).length, 1);
    });

    await story.step(t, "the user changes it, and the provider follows", async () => {
      await mangos.patch("consumer", { spec: { tier: "Dedicated" } });
      await mangos.until("provider", "is Dedicated", ({ spec }) => field(spec, "tier") === "Dedicated");
    });

    await story.step(t, "the operator reports, and the user sees it", async () => {
      await mangos.report({ phase: "Running" });
      await mangos.until("consumer", "is Running", ({ status }) => field(status, "phase") === "Running");
    });

    await story.step(t, "what somebody else changes on the provider is set back", async () => {
      const { metadata } = await mangos.patch("provider", { spec: { tier: "Shared" } });
      const { metadata: { resourceVersion } } = await mangos.until(
        "provider",
        "is Dedicated again",
        ({ spec }) => field(spec, "tier") === "Dedicated",
      );
      assert.notEqual(resourceVersion, metadata.resourceVersion);
      assert.equal(field((await mangos.find("consumer"))?.spec, "tier"), "Dedicated");
    });

    await story.step(t, "deleted on the provider, it is made again", async () => {
      const { metadata: { uid } } = (await mangos.find("provider"))!;
      await mangos.delete("provider");
      await mangos.until("provider", "is another one", ({ metadata }) => metadata.uid !== uid);
      assert.ok(await mangos.find("consumer"));
    });

    await story.step(t, "deleted by the user, it goes on both sides", async () => {
      await mangos.delete("consumer");
      await mangos.untilGone("provider");
      await mangos.untilGone("consumer");
    });

    await story.step(t, "bound again, under the plugins' names, everything stays as it is", async () => {
      await mangos.create();
      const before = await mangos.until("provider", "appears");
      const { metadata } = await story.binding(API);
      for (const as of ["kubectl-bind", "kubectl klutch"] as const) {
        const { code, stderr } = await story.bind(API, { as }); // nothing is asked again
        assert.equal(code, 0, stderr);
        assert.match(stderr, /is Ready/);
      }
      assert.equal((await story.binding(API)).metadata.uid, metadata.uid);
      assert.equal((await bindings(story)).length, 1);
      assert.equal((await exports(story)).length, 1);
      assert.equal(
        (await story.consumer.client.api(SECRETS).list({ namespace: KLUTCH_NAMESPACE }, soon())).items.length,
        1,
      );
      assert.deepEqual(await mangos.find("provider", DEFAULT), before);
    });

    await story.step(
      t,
      "interrupted while it waits for the login, bind ends at once and leaves nothing behind",
      async () => {
        const secrets = async () => (await story.consumer.client.api(SECRETS).list({}, soon())).items.length;
        const before = await secrets();
        const { bind } = await story.beginBind();
        await bind.signal("SIGINT");
        assert.equal(await bind.ended(), 130);
        assert.doesNotMatch(await bind.stderr, /Error:/);
        assert.equal(await secrets(), before);
      },
    );

    await story.step(t, "the servers end in good order, and the next konnector need not wait", async () => {
      await konnector.signal("SIGTERM");
      assert.equal(await konnector.ended(), 0, await konnector.describe());
      const lease = await story.consumer.kubectl(["get", "lease", "klutch-bind", "-n", "kube-system", "-o", "json"]);
      assert.equal(JSON.parse(lease).spec.holderIdentity ?? "", "");
      await backend.signal("SIGINT");
      assert.equal(await backend.ended(), 130, await backend.describe());
      assert.doesNotMatch((await backend.stderr) + (await konnector.stderr), /"level":"error"/);
    });
  });
}

const soon = () => within(5_000);

const field = (part: unknown, name: string) => (part as Record<string, unknown> | undefined)?.[name];

const bindings = async ({ consumer }: Story) =>
  (await consumer.client.api(API_SERVICE_BINDINGS).list({}, soon())).items;

const exports = async ({ provider }: Story) =>
  (await provider.client.api<APIServiceExport>(API_SERVICE_EXPORTS).list({}, soon())).items;

async function clusterNamespace({ provider }: Story): Promise<string> {
  const { items } = await provider.client.api(NAMESPACES).list({}, soon());
  const mine = items.filter((one) => annotationOf(one, IDENTITY_ANNOTATION)?.startsWith("alice#"));
  assert.equal(mine.length, 1);
  return mine[0]!.metadata.name;
}
