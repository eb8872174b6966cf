import assert from "node:assert/strict";
import { env } from "node:process";
import type { BrowserContext, Page } from "playwright-core";
import { API_SERVICE_EXPORT_TEMPLATES, IDENTITY_ANNOTATION } from "../../crds/names.ts";
import { NAMESPACES } from "../../kube/resources.ts";
import { annotationOf } from "../../kube/types.ts";
import { type Keycloak, startKeycloak } from "../../playground/keycloak.ts";
import { makeOwnedDirectory } from "../../playground/owned_directory.ts";
import { freePort } from "../../playground/programs.ts";
import { eventually, within } from "../clusters.ts";
import { AUDIENCE } from "../key_server.ts";
import { mangoDbCrd } from "../mangodb.ts";
import { openBrowser } from "./chromium.ts";
import { Story } from "./harness.ts";
import { createRealm, PASSWORD, REALM, rotateKeys, SECRET } from "./realm.ts";

const GROUP = "keycloak.example.com";
const API = `mangodbs.${GROUP}`;
/** A binding stays with the contract of who made it, so that a program takes an API of its own. */
const PROGRAMS_GROUP = "programs.example.com";
const program = env.KLUTCH_TEST_KEYCLOAK;

Deno.test({
  name: "people and programs of a Keycloak bind as their groups allow, also while it rotates keys and goes away",
  ignore: program === undefined,
  async fn(t) {
    await using story = await Story.open();
    await using directory = await makeOwnedDirectory();
    await using stack = new AsyncDisposableStack();
    await using browser = await openBrowser();
    const [port, backendPort] = [freePort(), freePort()];
    const url = `http://127.0.0.1:${backendPort}`;
    const start = async () =>
      stack.use(await startKeycloak({ program: program!, directory: directory.path, port }, within(200_000)));
    let keycloak: Keycloak;
    let alice: BrowserContext;

    const offerTo = async (allowed: string, group: string) => {
      await story.offer(mangoDbCrd(group));
      await story.provider.client.api(API_SERVICE_EXPORT_TEMPLATES).mergePatch(
        { namespace: "default", name: `mangodbs.${group}` },
        { spec: { allowedGroups: [allowed] } },
        {},
        within(5_000),
      );
    };
    const statusOf = async (path: string) => {
      const response = await fetch(url + path, { signal: within(5_000) });
      await response.body?.cancel();
      return response.status;
    };
    const bind = (...args: string[]) =>
      story.run([
        ...["bind", `${url}/export`, "--skip-konnector", "--wait-timeout=30s"],
        `--kubeconfig=${story.consumer.plane.kubeconfigPath}`,
        ...args,
      ], { env: { KLUTCH_CLIENT_SECRET: SECRET } });
    const beginLogin = async (context: BrowserContext) => {
      const command = await bind("--no-browser");
      const [, address] = await command.says(/visit in your browser:\s+(http\S+)/);
      const page = await context.newPage();
      await page.goto(address!);
      return { command, page };
    };
    /** Logs in at Keycloak, if it asks, and comes to wherever the backend leads. */
    const logIn = async (context: BrowserContext, user: string) => {
      const { command, page } = await beginLogin(context);
      await signIn(page, user);
      await page.waitForURL((at) => at.href.startsWith(url));
      return { command, page };
    };
    const bindInBrowser = async (context: BrowserContext, user: string) => {
      const { command, page } = await logIn(context, user);
      await page.locator("a.mangodbs").click();
      await page.getByRole("heading", { name: "You have been authenticated successfully!" }).waitFor();
      assert.equal(await command.ended(), 0, await command.describe());
      return page;
    };
    const byToken = async (...args: string[]) => {
      const command = await bind("--non-interactive", `--api=mangodbs.${PROGRAMS_GROUP}`, ...args);
      return await command.result();
    };
    const issuer = () => `--issuer=${keycloak.issuerUrl(REALM)}`;

    await story.step(t, "a backend whose issuer is not there waits for it, and says so", async () => {
      await story.startKonnector();
      await story.run([
        "backend",
        `--kubeconfig=${story.provider.plane.kubeconfigPath}`,
        ...[`--listen-address=127.0.0.1:${backendPort}`, "--health-address=127.0.0.1:0"],
        ...[`--oidc-issuer-url=http://127.0.0.1:${port}/realms/${REALM}`, `--oidc-callback-url=${url}/callback`],
        ...["--oidc-issuer-client-id=klutch", `--oidc-issuer-client-secret=${SECRET}`],
        ...["--oidc-allowed-groups=dbas,devs", "--oidc-cli-client-id=klutch-cli"],
        ...[`--oidc-token-audiences=${AUDIENCE}`, `--cookie-signing-key=${btoa("k".repeat(32))}`],
      ]).then((backend) => backend.says(/waiting for the issuer/));
      assert.equal(await statusOf("/export"), 503);
      keycloak = await start();
      await createRealm(keycloak, `${url}/callback`);
      await eventually("logins are possible", async () => await statusOf("/export") === 200);
      await offerTo("dbas", GROUP);
      await offerTo("programs", PROGRAMS_GROUP);
    });

    await story.step(t, "a member of the group binds in a browser", async () => {
      alice = await browser.newContext();
      await bindInBrowser(alice, "alice");
      await story.condition(API, "Ready", { status: "True" });
    });

    await story.step(t, "a member of another group is let in, but offered nothing; others are refused", async () => {
      const bob = await logIn(await browser.newContext(), "bob");
      await bob.page.getByRole("heading", { name: "Choose what to bind" }).waitFor();
      assert.equal(await bob.page.locator(".offers > li").count(), 0);
      const mallory = await logIn(await browser.newContext(), "mallory");
      assert.match(await mallory.page.locator("main").innerText(), /may not/);
      for (const { command } of [bob, mallory]) await command.kill();
    });

    await story.step(t, "logins go on after the issuer has rotated its keys", async () => {
      await rotateKeys(keycloak);
      const page = await bindInBrowser(alice, "alice");
      await page.getByRole("link", { name: "what you have bound" }).click();
      await page.getByRole("link", { name: "Log out" }).click();
      await page.getByRole("link", { name: "Log out there, too" }).click();
      await page.locator("#kc-logout").click();
      await page.getByRole("heading", { name: "You are logged out" }).waitFor();
    });

    await story.step(t, "after the logout on both sides, the issuer asks for the password again", async () => {
      const { command, page } = await beginLogin(alice);
      await page.locator("#password").waitFor();
      await command.kill();
    });

    await story.step(t, "a person connects the command line on another device", async () => {
      const command = await bind("--non-interactive", `--api=${API}`);
      const [, address, code] = await command.says(/visit on any device[^]+?\t(http\S+)[^]+?\t(\S+)\n/);
      const page = await alice.newPage();
      await page.goto(address!);
      await page.locator("[name=device_user_code]").fill(code!);
      await page.keyboard.press("Enter");
      await page.locator("#username").waitFor();
      await signIn(page, "alice");
      await page.locator("[name=accept]").click();
      assert.equal(await command.ended(), 0, await command.describe());
    });

    await story.step(t, "a program binds with its secret, and not with a token for somebody else", async () => {
      const good = await byToken("--client-id=builder", issuer());
      assert.equal(good.code, 0, good.stderr);
      const stray = await byToken("--client-id=stray", issuer());
      assert.equal(stray.code, 1);
      assert.match(stray.stderr, /401 .*aud/);
      const { items } = await story.provider.client.api(NAMESPACES).list({}, within(5_000));
      const identities = items.flatMap((one) => annotationOf(one, IDENTITY_ANNOTATION) ?? []);
      assert.equal(identities.length, 2, `Alice's contract and the builder's: ${identities}`);
    });

    await story.step(t, "while the issuer is away sessions go on, and new logins say why they do not", async () => {
      const { command, page } = await logIn(alice, "alice");
      await keycloak[Symbol.asyncDispose]();
      await page.reload();
      assert.equal(await page.locator("a.mangodbs").count(), 1);
      await command.kill();
      const builder = await byToken("--client-id=builder", issuer());
      assert.equal(builder.code, 1);
      assert.match(builder.stderr, /Cannot reach issuer/);
    });

    await story.step(t, "once it is back, so are logins", async () => {
      keycloak = await start();
      await bindInBrowser(await browser.newContext(), "alice");
    });
  },
});

/** Fills in Keycloak's form, unless it remembers who this is. */
async function signIn(page: Page, user: string): Promise<void> {
  if (await page.locator("#username").count() === 0) return;
  await page.locator("#username").fill(user);
  await page.locator("#password").fill(PASSWORD);
  await page.locator("#kc-login").click();
}
