import assert from "node:assert/strict";
import { KLUTCH_NAMESPACE } from "../../crds/names.ts";
import { CLUSTER_ROLES, CUSTOM_RESOURCE_DEFINITIONS, NAMESPACES, SECRETS } from "../../kube/resources.ts";
import { eventually, klutchBinary, within } from "../clusters.ts";
import { mangoDbCrd } from "../mangodb.ts";
import { logInAndBind } from "./browser.ts";
import { Story } from "./harness.ts";
import { CTRL_C, TerminalSession } from "./terminal_session.ts";

const GROUP = "mangodb.com";
const API = `mangodbs.${GROUP}`;
const LINE_UP = "\x1b[1A";

Deno.test("In a terminal, bind can be given up at each stage, and what it has made is taken back", async (t) => {
  await using story = await Story.open();
  const { client } = story.consumer;
  const open = (...args: string[]) =>
    new TerminalSession([
      ...[klutchBinary(), "bind", story.exportUrl, `--kubeconfig=${story.consumer.plane.kubeconfigPath}`],
      ...args,
    ]);
  const logIn = async (terminal: TerminalSession) => {
    const [, url] = await terminal.says(/visit in your browser:\s+(http\S+)/);
    await logInAndBind(url!, "mangodbs");
  };
  const untilClean = () =>
    eventually("nothing is left", async () => {
      if (await client.api(NAMESPACES).find({ name: KLUTCH_NAMESPACE }, soon())) return false;
      const { items } = await client.api(CLUSTER_ROLES).list({}, soon());
      return !items.some(({ metadata }) => metadata.name.startsWith("klutch"));
    });

  await story.step(t, "given a provider, and an app cluster that knows nothing of it", async () => {
    await story.startBackend();
    await story.backendReady();
    await story.offer(mangoDbCrd(GROUP));
    await story.offered(API);
  });

  await story.step(t, "while it waits for the login, with link and QR code", async () => {
    await using terminal = open();
    await terminal.says(/visit in your browser[^]*▀[^]*▄/);
    await terminal.type(CTRL_C);
    assert.equal(await terminal.ended(), 130);
    assert.match(terminal.screen, /Took back Namespace klutch-bind/);
    assert.doesNotMatch(terminal.screen, /Error/);
    await untilClean();
  });

  await story.step(t, "while it waits for a konnector that it has installed", async () => {
    await using terminal = open("--konnector-image=konnector.example/none:v1");
    await logIn(terminal);
    await terminal.says(/Waiting for the konnector/);
    assert.ok(await client.api(CLUSTER_ROLES).find({ name: "klutch-bind-konnector" }, soon()));
    await terminal.type(CTRL_C);
    assert.equal(await terminal.ended(), 130);
    assert.match(terminal.screen, /Took back Deployment [^]*Took back APIServiceExportRequest [^]*Took back Namespace/);
    assert.doesNotMatch(terminal.screen, /Cannot take back|Error/);
    await untilClean();
  });

  await story.step(t, "and else shows in place how far it has come", async () => {
    const installer = await story.startKonnector();
    await installer.logged("became the leader"); // by then bindings can be made
    await installer.kill();
    await using terminal = open("--skip-konnector", "--wait-timeout=30s");
    await logIn(terminal);
    await terminal.says(/⏳ mangodbs/);
    await using konnector = await story.startKonnector();
    assert.equal(await terminal.ended(), 0, terminal.screen);
    assert.match(terminal.screen, /⏳ mangodbs[^]*✅ APIServiceBinding mangodbs\S+ is Ready/);
    assert.ok(terminal.screen.includes(LINE_UP));
    assert.ok(await client.api(CUSTOM_RESOURCE_DEFINITIONS).find({ name: API }, soon()));
    assert.equal((await client.api(SECRETS).list({ namespace: KLUTCH_NAMESPACE }, soon())).items.length, 1);
    assert.doesNotMatch(terminal.screen, /eyJ/, "no credential on the screen");
    assert.ok(konnector.isRunning);
  });
});

const soon = () => within(5_000);
