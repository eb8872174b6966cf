import assert from "node:assert/strict";
import { env } from "node:process";
import type { Browser, Page } from "playwright-core";
import { API_SERVICE_EXPORT_TEMPLATES } from "../../crds/names.ts";
import type { APIServiceExportTemplate } from "../../crds/api_service_export_template.ts";
import type { PermissionClaim } from "../../crds/shared.ts";
import type { CustomResourceDefinition, OpenApiSchema } from "../../kube/resources.ts";
import { apiVersionOf } from "../../kube/types.ts";
import { eventually, within } from "../clusters.ts";
import { installCrd } from "../mangodb.ts";
import { openBrowser } from "./chromium.ts";
import { Story } from "./harness.ts";

const GROUP = "shop.example.com";
const SECRETS: PermissionClaim = { group: "", resource: "secrets", version: "v1", selector: { owner: "Provider" } };
const text = (description: string, rest: OpenApiSchema = {}): OpenApiSchema => ({
  type: "string",
  description,
  ...rest,
});

interface Product {
  plural: string;
  displayName: string;
  description: string;
  colour: string;
  claims?: PermissionClaim[];
}

const PRODUCTS: Product[] = [
  {
    plural: "postgresqls",
    displayName: "PostgreSQL",
    description: "A relational database with point-in-time recovery, kept up to date for you.",
    colour: "#336791",
    claims: [SECRETS],
  },
  {
    plural: "rabbitmqs",
    displayName: "RabbitMQ",
    description: "Message queues that survive the loss of a node.",
    colour: "#e2571e",
    claims: [SECRETS],
  },
  {
    plural: "buckets",
    displayName: "Object storage",
    description: "Buckets with versioning and an S3 interface.",
    colour: "#3b8c5a",
    claims: [SECRETS, {
      ...SECRETS,
      resource: "configmaps",
      selector: { owner: "Consumer", names: ["bucket-policy"] },
    }],
  },
  {
    plural: "domains",
    displayName: "Domain",
    description: "A DNS zone under a name of your own, with certificates.",
    colour: "#7a52b3",
  },
];

function crdOf({ plural, displayName, description }: Product): CustomResourceDefinition {
  const singular = plural.slice(0, -1);
  const kind = displayName.replaceAll(/\W/g, "");
  const spec: OpenApiSchema = {
    type: "object",
    description: "What you want.",
    required: ["plan"],
    properties: {
      plan: text("How large it is.", { enum: ["small", "medium", "large"] }),
      region: text("Where it runs.", { default: "eu-central" }),
      backup: {
        type: "object",
        description: "When and for how long backups are kept.",
        properties: {
          schedule: text("As in cron.", { default: "0 3 * * *" }),
          keepDays: { type: "integer", description: "For how long.", minimum: 1, maximum: 90, default: 14 },
        },
      },
      allowedSources: { type: "array", description: "Networks that may connect.", items: text("In CIDR notation.") },
    },
  };
  const status: OpenApiSchema = {
    type: "object",
    properties: { phase: text("What is going on."), host: text("Where to connect.") },
  };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      names: { plural, singular, kind, listKind: `${kind}List` },
      scope: "Namespaced",
      versions: [{
        name: "v1",
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: { openAPIV3Schema: { type: "object", description, properties: { spec, status } } },
      }],
    },
  };
}

const iconOf = ({ colour }: Product) =>
  `data:image/svg+xml;base64,${
    btoa(
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><rect width="40" height="40" rx="10" fill="${colour}"/>` +
        `<path d="M12 15c0-5 16-5 16 0v10c0 5-16 5-16 0zm0 0c0 5 16 5 16 0M12 20c0 5 16 5 16 0" ` +
        `fill="none" stroke="#fff" stroke-width="2"/></svg>`,
    )
  }`;

async function offer(story: Story, product: Product, more: Partial<APIServiceExportTemplate["spec"]> = {}) {
  const { plural, displayName, description, claims } = product;
  await installCrd(story.provider.client, crdOf(product));
  await story.provider.client.api(API_SERVICE_EXPORT_TEMPLATES).create({
    apiVersion: apiVersionOf(API_SERVICE_EXPORT_TEMPLATES),
    kind: API_SERVICE_EXPORT_TEMPLATES.kind,
    metadata: { namespace: "default", name: plural },
    spec: {
      APIServiceSelector: { group: GROUP, resource: plural },
      displayName,
      description,
      icon: iconOf(product),
      documentationURL: "https://docs.example.com/",
      ...(claims && { permissionClaims: claims }),
      ...more,
    },
  }, within(5_000));
}

/** Pictures for the documentation, where somebody wants them: `KLUTCH_SCREENSHOTS` names the directory. */
async function picture(page: Page, name: string): Promise<void> {
  const directory = env.KLUTCH_SCREENSHOTS;
  if (!directory) return;
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: `${directory}/${name}-${colorScheme}.png` });
  }
  await page.emulateMedia({ colorScheme: "light" });
}

/** A page in a real browser; whatever it refuses to load or run fails the test. */
async function openPage(browser: Browser, complaints: string[], javaScriptEnabled = true): Promise<Page> {
  const context = await browser.newContext({ javaScriptEnabled, viewport: { width: 1120, height: 900 } });
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  return page;
}

async function logIn(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.getByLabel("User name").fill("alice");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.waitForURL(/\/resources\?/);
}

Deno.test("a person chooses APIs in a browser, binds them in one go, and watches the app cluster report", async (t) => {
  await using story = await Story.open();
  const complaints: string[] = [];
  let clusters: Page;
  await using browser = await openBrowser();

  await story.step(t, "given four offers and one for others", async () => {
    await story.startBackend();
    await story.startKonnector();
    await story.backendReady();
    for (const product of PRODUCTS) await offer(story, product);
    const secret = { plural: "vaults", displayName: "Vault", description: "For the few.", colour: "#000" };
    await offer(story, secret, { allowedGroups: ["security"] });
  });

  await story.step(t, "templates tell that they are established", async () => {
    const templates = story.provider.client.api<APIServiceExportTemplate>(API_SERVICE_EXPORT_TEMPLATES);
    await eventually("all are", async () => {
      const { items } = await templates.list({ namespace: "default" }, within(5_000));
      return items.length === 5 &&
        items.every(({ status }) =>
          status?.conditions?.some(({ type, status }) => type === "Established" && status === "True")
        );
    });
  });

  await story.step(t, "searching, reading and choosing works by keyboard, and two are bound in one go", async () => {
    const { bind, url } = await story.beginBind({ stdin: "y\ny\ny\n" });
    const page = await openPage(browser, complaints);
    await logIn(page, url);
    const rows = page.locator(".offers > li:visible");
    assert.equal(await rows.count(), 4);
    assert.equal(await page.getByText("Vault").count(), 0);
    await picture(page, "catalogue");

    await page.keyboard.press("/");
    await page.keyboard.type("storage");
    assert.equal(await rows.count(), 1);
    assert.equal(await page.locator(".search output").textContent(), "1 of 4");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Space");
    await page.getByLabel("Search APIs").fill("");
    await page.getByLabel("Choose PostgreSQL").check();
    assert.equal(await page.locator(".bar output").textContent(), "2 APIs chosen");
    await picture(page, "chosen");

    const details = await openPageBeside(page);
    await details.getByRole("link", { name: "PostgreSQL", exact: true }).click();
    await details.getByText("backup", { exact: true }).click();
    assert.match(await details.locator("main").innerText(), /Writes secrets of its own into your cluster[^]*plan/);
    await details.evaluate("scrollTo(0, 0)");
    await picture(details, "api");

    await page.getByRole("button", { name: "Bind the chosen" }).click();
    await page.getByRole("heading", { name: "You have been authenticated successfully!" }).waitFor();
    assert.doesNotMatch(page.url(), /response=|code=/);
    await picture(page, "authenticated");
    assert.equal(await bind.ended(), 0, await bind.stderr);
    for (const plural of ["buckets", "postgresqls"]) await story.binding(`${plural}.${GROUP}`);

    await page.getByRole("link", { name: "what you have bound" }).click();
    await page.getByText("Connected", { exact: true }).waitFor();
    await page.locator("#clusters").getByText(/ ago/).first().waitFor(); // scripts put times in words
    assert.match(await page.locator("#clusters").innerText(), /ago[^]*buckets\.shop\.example\.com/);
    await picture(page, "clusters");

    clusters = page;
  });

  await story.step(t, "all of it works without scripts, too", async () => {
    const { bind, url } = await story.beginBind({ stdin: "y\n" });
    const page = await openPage(browser, complaints, false);
    await logIn(page, url);
    await page.getByLabel("Search APIs").fill("queues");
    await page.getByRole("button", { name: "Search" }).click();
    await eventually("one is found", async () => await page.locator(".offers > li").count() === 1);
    await page.getByLabel("Choose RabbitMQ").check();
    await page.getByRole("button", { name: "Bind the chosen" }).click();
    await page.getByRole("heading", { name: "You have been authenticated successfully!" }).waitFor();
    assert.equal(await bind.ended(), 0, await bind.stderr);
    await story.binding(`rabbitmqs.${GROUP}`);
  });

  await story.step(
    t,
    "what was bound there appears on the page that is still open here, until the logout",
    async () => {
      await clusters.getByText(`rabbitmqs.${GROUP}`).waitFor({ timeout: 20_000 });
      await clusters.getByRole("link", { name: "Log out" }).click();
      await clusters.getByRole("heading", { name: "You are logged out" }).waitFor();
      const answer = await clusters.goBack();
      assert.equal(answer?.status(), 401);
      complaints.splice(0, 1); // the browser's word on the 401
    },
  );

  await story.step(t, "on a telephone nothing is wider than the screen", async () => {
    const { bind, url } = await story.beginBind();
    const page = await openPage(browser, complaints);
    await page.setViewportSize({ width: 390, height: 844 });
    await logIn(page, url);
    const width = await page.evaluate("document.documentElement.scrollWidth");
    await picture(page, "telephone");
    assert.equal(width, 390);
    await bind.signal("SIGINT");
    await bind.ended();
  });

  assert.deepEqual(complaints, []);
});

/** The same page again, with the same cookies. */
async function openPageBeside(page: Page): Promise<Page> {
  const other = await page.context().newPage();
  await other.goto(page.url());
  return other;
}
