import assert from "node:assert/strict";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { KLUTCH_NAMESPACE } from "../../crds/names.ts";
import { parallel } from "../../kube/parallel.ts";
import { type Secret, SECRETS } from "../../kube/resources.ts";
import type { DynamicObject } from "../../kube/types.ts";
import { createTestAuthority } from "../../playground/certificates.ts";
import { makeOwnedDirectory } from "../../playground/owned_directory.ts";
import { eventually, within } from "../clusters.ts";
import { mangoDbCrd } from "../mangodb.ts";
import { Story } from "./harness.ts";
import { Mangos } from "./mangos.ts";

const GROUP = "mangodb.com";
const API = `mangodbs.${GROUP}`;

interface Kubeconfig {
  clusters: [{ name: string; cluster: Record<string, unknown> }];
  users: [{ name: string; user: Record<string, unknown> }];
  contexts: [{ name: string; context: Record<string, unknown> }];
}

/** Counts connections and answers none. */
function openTrap() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const trap = { address: `127.0.0.1:${listener.addr.port}`, visits: 0 };
  const listening = (async () => {
    for await (const connection of listener) {
      trap.visits++;
      connection.close();
    }
  })();
  return Object.assign(trap, {
    async [Symbol.asyncDispose]() {
      listener.close();
      await listening.catch(() => {});
    },
  });
}

Deno.test("no kubeconfig of a provider makes the konnector do anything but talk to that provider", async (t) => {
  await using story = await Story.open();
  await using directory = await makeOwnedDirectory();
  await using trap = openTrap();
  const mangos = new Mangos(story, GROUP);
  const consumerSecrets = story.consumer.client.api<Secret>(SECRETS);
  const providerSecrets = story.provider.client.api<Secret>(SECRETS);
  const { konnector } = await story.given(t, mangoDbCrd(GROUP));
  const good = await secretOf(story);
  const proof = join(directory.path, "was-run");
  const hostile = await hostileKubeconfigs(textOf(good), { proof, trap: trap.address, directory: directory.path });
  const run = withUser(textOf(good), { exec: { ...runnable(proof), interactiveMode: "Never" } });

  const follows = async (tier: string) => {
    await mangos.patch("consumer", { spec: { tier } });
    await mangos.until("provider", `is ${tier}`, (object) => tierOf(object) === tier);
  };

  await story.step(t, "given an object", async () => {
    await mangos.create();
    await mangos.until("provider", "appears");
  });

  await story.step(t, "hostile ones are refused by name, nothing is run or read, and the process lives", async () => {
    const { spec: { kubeconfigSecretRef }, apiVersion, kind } = await story.binding(API);
    for (const name of Object.keys(hostile)) {
      const metadata = { namespace: KLUTCH_NAMESPACE, name: `hostile-${name}` };
      await consumerSecrets.create(
        { apiVersion: "v1", kind: "Secret", metadata, data: dataOf(hostile[name]!.text) },
        soon(),
      );
      await story.consumer.kubectl(
        ["create", "-f", "-"],
        JSON.stringify({
          apiVersion,
          kind,
          metadata: { namespace: KLUTCH_NAMESPACE, name: `mangodbs.${name}.example.com` },
          spec: { kubeconfigSecretRef: { ...kubeconfigSecretRef, name: metadata.name } },
        }),
      );
    }
    for (const [name, { why }] of Object.entries(hostile)) {
      const condition = { status: "False", reason: "KubeconfigSecretInvalid" } as const;
      const { message } = await story.condition(`mangodbs.${name}.example.com`, "SecretValid", condition);
      await story.condition(`mangodbs.${name}.example.com`, "Ready", condition);
      assert.ok(why.test(message!), `${name}: ${message}`);
      assert.match(message!, /Run `kubectl klutch bind` again/);
      assert.ok(!message!.includes("very-secret"), `the condition of ${name} gives the token away`);
    }
    assert.ok(konnector.isRunning);
    await follows("Dedicated");
    assert.ok(!(await konnector.stderr).includes("very-secret"), "the log gives the token away");
  });

  const damages: [what: string, reason: string, damage: () => Promise<unknown>][] = [
    [
      "runs a program",
      "KubeconfigSecretInvalid",
      () => consumerSecrets.mergePatch(good.metadata, { data: dataOf(run) }, {}, soon()),
    ],
    [
      "is garbage",
      "KubeconfigSecretInvalid",
      () => consumerSecrets.mergePatch(good.metadata, { data: dataOf("{ very-secret") }, {}, soon()),
    ],
    ["is gone", "KubeconfigSecretNotFound", () => consumerSecrets.delete(good.metadata, {}, soon())],
  ];
  for (const [at, [what, reason, damage]] of damages.entries()) {
    await story.step(
      t,
      `a Secret in use that ${what} is told; bound again, it is mended in place, and all goes on`,
      async () => {
        await damage();
        await story.condition(API, "Ready", { status: "False", reason });
        const region = `region-${at}`;
        await mangos.patch("consumer", { spec: { region } });
        await story.bindOrFail(API);
        assert.equal(textOf(await secretOf(story)), textOf(good));
        assert.equal((await secretOf(story)).metadata.name, good.metadata.name);
        await mangos.until("provider", "follows", ({ spec }) => (spec as { region: string }).region === region);
      },
    );
  }

  const clusterNamespace = () => String((parse(textOf(good)) as Kubeconfig).contexts[0].context.namespace);

  await story.step(
    t,
    "a kubeconfig that the provider renews is taken over in the middle of work, which goes on, without the old one",
    async () => {
      const syncsStarted = async () => (await konnector.log()).filter(({ msg }) => msg === "sync started").length;
      const before = await syncsStarted();
      const namespace = clusterNamespace();
      const name = "renewed";
      await providerSecrets.create({
        apiVersion: "v1",
        kind: "Secret",
        metadata: { namespace, name, annotations: { "kubernetes.io/service-account.name": "klutch-binder" } },
        type: "kubernetes.io/service-account-token",
      }, soon());
      const token = await eventually(
        "there is a new token",
        async () => (await providerSecrets.get({ namespace, name }, soon())).data?.token,
      );
      const renewed = withUser(textOf(good), { token: atob(token) });
      const names = Array.from({ length: 200 }, (_, at) => `db-${at}`);
      const creating = parallel(names, 4, (name) => mangos.create({ namespace: "default", name }), within(60_000));
      await providerSecrets.mergePatch({ namespace, name: "kubeconfig" }, { data: dataOf(renewed) }, {}, soon());
      await eventually("the app cluster has it", async () => textOf(await secretOf(story)) === renewed);
      await providerSecrets.delete({ namespace, name: "klutch-binder" }, {}, soon());
      await creating;
      await follows("Shared");
      await eventually(
        "all objects are on the provider",
        async () => (await mangos.list("provider")).length === names.length + 1,
      );
      assert.equal(await syncsStarted(), before);
      await story.condition(API, "Ready", { status: "True" });
    },
  );

  await story.step(t, "a hostile one from the provider is not taken over, and the provider can read why", async () => {
    const namespace = clusterNamespace();
    const before = textOf(await secretOf(story));
    await providerSecrets.mergePatch({ namespace, name: "kubeconfig" }, { data: dataOf(run) }, {}, soon());
    await eventually("the provider can read why", async () => {
      const json = await story.provider.kubectl(["get", "clusterbinding", "cluster", "-n", namespace, "-o", "json"]);
      const { status: { conditions } } = JSON.parse(json);
      return conditions.some((one: Record<string, string>) =>
        one.type === "SecretValid" && one.reason === "ProviderSecretInvalid" && one.message!.includes('"exec"')
      );
    });
    await follows("Dedicated");
    assert.equal(textOf(await secretOf(story)), before);
  });

  await story.step(t, "in all this nothing was run, and nobody called", async () => {
    await assert.rejects(Deno.stat(proof), Deno.errors.NotFound);
    assert.equal(trap.visits, 0);
    assert.ok(konnector.isRunning);
  });
});

const soon = () => within(5_000);

const tierOf = ({ spec }: DynamicObject) => (spec as { tier: string }).tier;

const textOf = ({ data }: Secret) => atob(data!.kubeconfig!);

const dataOf = (text: string) => ({ kubeconfig: btoa(text) });

/** The Secret that the binding refers to. */
async function secretOf(story: Story): Promise<Secret> {
  const { namespace, name } = (await story.binding(API)).spec.kubeconfigSecretRef;
  return await story.consumer.client.api<Secret>(SECRETS).get({ namespace, name }, soon());
}

function withUser(text: string, user: Record<string, unknown>): string {
  const config = parse(text) as Kubeconfig;
  config.users[0].user = user;
  return stringify(config);
}

/** Whoever runs it leaves a proof. */
const runnable = (proof: string) => ({
  apiVersion: "client.authentication.k8s.io/v1",
  command: "/bin/sh",
  args: ["-c", `touch ${proof}`],
});

/** What a provider might send, by name, and what the condition has to say about it. */
async function hostileKubeconfigs(
  text: string,
  { proof, trap, directory }: { proof: string; trap: string; directory: string },
): Promise<Record<string, { text: string; why: RegExp }>> {
  const authority = await createTestAuthority("hostile");
  const [one, other] = [await authority.issueClient("one"), await authority.issueClient("other")];
  const file = join(directory, "token");
  await Deno.writeTextFile(file, "very-secret");
  const token = "very-secret";
  const changed = (change: (parts: { cluster: Record<string, unknown>; user: Record<string, unknown> }) => void) => {
    const config = parse(text) as Kubeconfig;
    const [{ cluster }] = config.clusters;
    const user = { token };
    cluster.server = `https://${trap}`; // whoever takes it calls there
    change({ cluster, user });
    config.users[0].user = user;
    return stringify(config);
  };
  const user = (fields: Record<string, unknown>) => changed(({ user }) => Object.assign(user, fields));
  const cluster = (fields: Record<string, unknown>) => changed(({ cluster }) => Object.assign(cluster, fields));
  const pem = (der: string) => btoa(`-----BEGIN CERTIFICATE-----\n${btoa(der)}\n-----END CERTIFICATE-----\n`);
  return {
    exec: {
      text: user({ exec: { ...runnable(proof), interactiveMode: "Never" } }),
      why: /field "exec" is not allowed/,
    },
    plugin: {
      text: user({
        "auth-provider": { name: "gcp", config: { "cmd-path": "/bin/sh", "cmd-args": `-c touch ${proof}` } },
      }),
      why: /field "auth-provider" is not allowed/,
    },
    tokenfile: { text: user({ tokenFile: file }), why: /field "tokenFile" is not allowed/ },
    certificatefile: {
      text: user({ "client-certificate": file, "client-key": file }),
      why: /field "client-certificate" is not allowed/,
    },
    impersonation: { text: user({ as: "admin" }), why: /field "as" is not allowed/ },
    authorityfile: {
      text: cluster({ "certificate-authority": file }),
      why: /field "certificate-authority" is not allowed/,
    },
    proxy: { text: cluster({ "proxy-url": `http://${trap}` }), why: /field "proxy-url" is not allowed/ },
    insecure: {
      text: cluster({ "insecure-skip-tls-verify": true }),
      why: /field "insecure-skip-tls-verify" is not allowed/,
    },
    plaintext: { text: cluster({ server: `http://${trap}` }), why: /does not start with https/ },
    garbage: { text: cluster({ "certificate-authority-data": btoa("garbage") }), why: /certificate-authority-data/ },
    brokenauthority: {
      text: cluster({ "certificate-authority-data": pem("garbage") }),
      why: /certificate authority holds something else/,
    },
    brokencertificate: {
      text: user({ "client-certificate-data": pem("garbage"), "client-key-data": btoa(one.key) }),
      why: /certificate/,
    },
    foreignkey: {
      text: user({ "client-certificate-data": btoa(one.certificate), "client-key-data": btoa(other.key) }),
      why: /key/,
    },
    injection: { text: user({ token: "very-secret\r\nX-Evil: 1" }), why: /token/ },
    notyaml: { text: "{ very-secret", why: /not YAML/ },
    empty: { text: " ", why: /not a YAML mapping|has no text/ },
    nocontext: { text: text.replace(/^current-context: .*$/m, ""), why: /no current-context/ },
    nonamespace: { text: text.replace(/^ +namespace: .*$/m, ""), why: /no namespace/ },
  };
}
