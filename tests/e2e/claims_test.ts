import assert from "node:assert/strict";
import { API_SERVICE_BINDINGS, API_SERVICE_EXPORT_TEMPLATES, KLUTCH_NAMESPACE } from "../../crds/names.ts";
import type { AcceptablePermissionClaim, PermissionClaim } from "../../crds/shared.ts";
import type { Api } from "../../kube/api.ts";
import { CONFIG_MAPS, type ConfigMap, type Secret, SECRETS } from "../../kube/resources.ts";
import type { KubeObject, ObjectKey } from "../../kube/types.ts";
import { eventually, within } from "../clusters.ts";
import { mangoDbCrd } from "../mangodb.ts";
import { Story } from "./harness.ts";
import { Mangos } from "./mangos.ts";

const GROUP = "mangodb.com";
const API = `mangodbs.${GROUP}`;
const CREDENTIALS: PermissionClaim = { group: "", resource: "secrets", version: "v1", selector: { owner: "Provider" } };
const SETTINGS: PermissionClaim = {
  group: "",
  resource: "configmaps",
  version: "v1",
  selector: { owner: "Consumer", labelSelectors: [{ mango: "settings" }] },
};

for (const scope of ["Namespaced", "Cluster"] as const) {
  Deno.test(`credentials come down and settings go up, as was agreed, with consumer scope ${scope}`, async (t) => {
    await using story = await Story.open();
    const mangos = new Mangos(story, GROUP);
    const secrets = {
      consumer: story.consumer.client.api<Secret>(SECRETS),
      provider: story.provider.client.api<Secret>(SECRETS),
    };
    const settings = {
      consumer: story.consumer.client.api<ConfigMap>(CONFIG_MAPS),
      provider: story.provider.client.api<ConfigMap>(CONFIG_MAPS),
    };
    let mapped = "";
    const claim = (claims: AcceptablePermissionClaim[]) =>
      story.consumer.client.api(API_SERVICE_BINDINGS).mergePatch(
        { namespace: KLUTCH_NAMESPACE, name: API },
        { spec: { permissionClaims: claims } },
        {},
        within(5_000),
      );
    const effect = (what: string, is: (text: string) => boolean) =>
      eventually(`${what} is in the binding's status`, async () => {
        const claims = (await story.binding(API)).status?.claims ?? [];
        return is(claims.map(({ resource, objects }) => `${resource} ${objects}`).join(", "));
      });
    const secret = (namespace: string, name: string, value: string): Secret => ({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { namespace, name },
      data: { value: btoa(value) },
    });
    type Side = "consumer" | "provider";
    const at = (side: Side, name: string) => ({ namespace: side === "consumer" ? "default" : mapped, name });
    const untilValue = (side: Side, value: string) =>
      eventually(`the ${side} reads "${value}"`, async () => {
        const { data } = await secrets[side].get(at(side, "orders"), within(5_000));
        return atob(data!.value!) === value;
      });
    const untilTls = (value: string) =>
      eventually(`both sides read tls: ${value}`, async () => {
        const both = [settings.consumer.get(at("consumer", "orders"), within(5_000))];
        both.push(settings.provider.get(at("provider", "orders"), within(5_000)));
        return (await Promise.all(both)).every(({ data }) => data?.tls === value);
      });
    const untilGone = (api: Pick<Api<KubeObject>, "find">, key: ObjectKey) =>
      eventually(`${key.name} is gone`, async () => !await api.find(key, within(5_000)));
    const accepted = (claim: PermissionClaim): AcceptablePermissionClaim => ({ ...claim, state: "Accepted" });

    await story.step(t, "given an API with two claims, accepted, and one object of it", async () => {
      await Promise.all([story.startBackend(`--consumer-scope=${scope}`), story.startKonnector()]);
      await story.backendReady();
      await story.offer(mangoDbCrd(GROUP), [CREDENTIALS, SETTINGS]);
      const { code, stderr } = await story.bind(API, { stdin: "y\ny\n" });
      assert.equal(code, 0, stderr);
      await mangos.create();
      mapped = (await mangos.until("provider", "appears")).metadata.namespace!;
    });

    await story.step(t, "the provider writes credentials, and the user reads them", async () => {
      await secrets.provider.create(secret(mapped, "orders", "s3cret"), within(5_000));
      const copy = await eventually(
        "the Secret arrives",
        () => secrets.consumer.find({ namespace: "default", name: "orders" }, within(5_000)),
      );
      assert.equal(atob(copy.data!.value!), "s3cret");
      await effect("one Secret", (text) => text === "secrets 1, configmaps 0");
    });

    await story.step(t, "credentials that the user changes are set back", async () => {
      await secrets.consumer.mergePatch(
        at("consumer", "orders"),
        { data: { value: btoa("forged") } },
        {},
        within(5_000),
      );
      await untilValue("consumer", "s3cret");
    });

    await story.step(t, "credentials that the provider changes follow", async () => {
      await secrets.provider.mergePatch(
        at("provider", "orders"),
        { data: { value: btoa("renewed") } },
        {},
        within(5_000),
      );
      await untilValue("consumer", "renewed");
    });

    await story.step(t, "credentials that the user deletes come back", async () => {
      const { metadata: { uid } } = await secrets.consumer.get(at("consumer", "orders"), within(5_000));
      await secrets.consumer.delete(at("consumer", "orders"), {}, within(5_000));
      await eventually("there is another one", async () => {
        const again = await secrets.consumer.find(at("consumer", "orders"), within(5_000));
        return again && again.metadata.uid !== uid;
      });
    });

    await story.step(t, "credentials that the provider deletes are gone in the user's namespace", async () => {
      await secrets.provider.create(secret(mapped, "fleeting", "s3cret"), within(5_000));
      await eventually("it arrives", () => secrets.consumer.find(at("consumer", "fleeting"), within(5_000)));
      await secrets.provider.delete(at("provider", "fleeting"), {}, within(5_000));
      await untilGone(secrets.consumer, at("consumer", "fleeting"));
    });

    await story.step(t, "the user writes settings, and the provider gets those with the label alone", async () => {
      const make = (name: string, labels: Record<string, string>) =>
        settings.consumer.create({
          apiVersion: "v1",
          kind: "ConfigMap",
          metadata: { namespace: "default", name, labels },
          data: { tls: "on" },
        }, within(5_000));
      await make("private", {});
      await make("orders", { mango: "settings" });
      const copy = await eventually(
        "the ConfigMap arrives",
        () => settings.provider.find({ namespace: mapped, name: "orders" }, within(5_000)),
      );
      assert.deepEqual(copy.data, { tls: "on" });
      assert.equal(await settings.provider.find({ namespace: mapped, name: "private" }, within(5_000)), undefined);
      await effect("one of each", (text) => text === "secrets 1, configmaps 1");
      await story.condition(API, "Ready", { status: "True" });
    });

    await story.step(t, "settings that the provider changes are set back", async () => {
      await settings.provider.mergePatch(at("provider", "orders"), { data: { tls: "off" } }, {}, within(5_000));
      await untilTls("on");
    });

    await story.step(t, "settings that the user changes follow", async () => {
      await settings.consumer.mergePatch(at("consumer", "orders"), { data: { tls: "mutual" } }, {}, within(5_000));
      await untilTls("mutual");
    });

    await story.step(t, "settings that the provider deletes come back", async () => {
      const { metadata: { uid } } = await settings.provider.get(at("provider", "orders"), within(5_000));
      await settings.provider.delete(at("provider", "orders"), {}, within(5_000));
      await eventually("there is another one", async () => {
        const again = await settings.provider.find(at("provider", "orders"), within(5_000));
        return again && again.metadata.uid !== uid;
      });
    });

    await story.step(t, "settings that the user deletes are gone on the provider", async () => {
      const metadata = { ...at("consumer", "fleeting"), labels: { mango: "settings" } };
      await settings.consumer.create({ apiVersion: "v1", kind: "ConfigMap", metadata }, within(5_000));
      await eventually("it arrives", () => settings.provider.find(at("provider", "fleeting"), within(5_000)));
      await settings.consumer.delete(at("consumer", "fleeting"), {}, within(5_000));
      await untilGone(settings.provider, at("provider", "fleeting"));
    });

    await story.step(t, "a Secret of the user's own stands in the way, and both are told", async () => {
      await secrets.consumer.create(secret("default", "mine", "mine"), within(5_000));
      await secrets.provider.create(secret(mapped, "mine", "theirs"), within(5_000));
      const { message } = await story.condition(API, "ClaimsInSync", { reason: "ClaimConflict" });
      assert.match(message!, /secrets "default\/mine" exists on this cluster/);
      const events = await eventually("the user is told", async () => {
        const text = await story.consumer.kubectl([
          "get",
          "events",
          "--output=custom-columns=R:.reason,N:.involvedObject.name",
        ]);
        return text.includes("ClaimConflict") && text;
      });
      assert.match(events, /ClaimConflict +mine/);
      const { data } = await secrets.consumer.get({ namespace: "default", name: "mine" }, within(5_000));
      assert.equal(atob(data!.value!), "mine");
      await secrets.provider.delete({ namespace: mapped, name: "mine" }, {}, within(5_000));
      await story.condition(API, "ClaimsInSync", { status: "True" });
    });

    await story.step(
      t,
      "a claim on rights, and parts that cannot be honoured, are reported and not acted upon",
      async () => {
        const roles = { group: "rbac.authorization.k8s.io", resource: "roles", version: "v1" };
        await claim([accepted(CREDENTIALS), accepted(SETTINGS), accepted(roles)]);
        const refused = await story.condition(API, "ClaimsSupported", { reason: "ClaimRefused" });
        assert.match(refused.message!, /roles\.rbac\.authorization\.k8s\.io may never be claimed/);
        await claim([accepted({ ...CREDENTIALS, autoDonate: true }), accepted(SETTINGS)]);
        const unsupported = await story.condition(API, "ClaimsSupported", { reason: "UnsupportedClaimFeature" });
        assert.match(unsupported.message!, /autoDonate of the claim on secrets/);
        assert.ok(await secrets.consumer.find({ namespace: "default", name: "orders" }, within(5_000)));
        const missing = { group: "example.com", resource: "nowheres", version: "v1" };
        await claim([accepted(CREDENTIALS), accepted(SETTINGS), accepted(missing)]);
        await story.condition(API, "ClaimsInSync", { reason: "ClaimedKindNotServed" });
        await story.condition(API, "ClaimsSupported", { status: "True" });
      },
    );

    await story.step(t, "a rejected claim ends at once, and its copies go", async () => {
      await claim([accepted(CREDENTIALS), { ...SETTINGS, state: "Rejected" }]);
      await eventually(
        "the copy of the settings is gone",
        async () => !(await settings.provider.find({ namespace: mapped, name: "orders" }, within(5_000))),
      );
      assert.ok(await settings.consumer.find({ namespace: "default", name: "orders" }, within(5_000)));
      await effect("the other claim alone", (text) => text === "secrets 1");
      await claim([]);
      await eventually(
        "the copy of the credentials is gone",
        async () => !(await secrets.consumer.find({ namespace: "default", name: "orders" }, within(5_000))),
      );
      assert.ok(await secrets.provider.find({ namespace: mapped, name: "orders" }, within(5_000)));
      await effect("no claim", (text) => text === "");
      const { status } = await story.binding(API);
      assert.ok(!status?.conditions?.some(({ type }) => type.startsWith("Claims")), JSON.stringify(status));
    });

    await story.step(
      t,
      "a claim that the provider withdraws leaves no copies there, and none that are missed",
      async () => {
        await claim([accepted(SETTINGS)]);
        const copy = { namespace: mapped, name: "orders" };
        await eventually("the copy is there", () => settings.provider.find(copy, within(5_000)));
        await story.provider.client.api(API_SERVICE_EXPORT_TEMPLATES)
          .mergePatch({ namespace: "default", name: API }, { spec: { permissionClaims: [] } }, {}, within(5_000));
        await untilGone(settings.provider, copy);
        await claim([]);
        await effect("no claim", (text) => text === "");
        await story.condition(API, "Ready", { status: "True" });
      },
    );
  });
}
