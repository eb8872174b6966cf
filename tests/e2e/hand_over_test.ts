import assert from "node:assert/strict";
import { Contract } from "../../backend/openapi_fixture.ts";
import type { APIServiceExportRequest } from "../../crds/api_service_export_request.ts";
import type { APIServiceExportTemplate } from "../../crds/api_service_export_template.ts";
import {
  API_SERVICE_EXPORT_REQUESTS,
  API_SERVICE_EXPORT_TEMPLATES,
  API_VERSION,
  IDENTITY_ANNOTATION,
  PERSON_ANNOTATION,
} from "../../crds/names.ts";
import { KubeClient } from "../../kube/client.ts";
import { findCondition } from "../../kube/conditions.ts";
import { parseReceivedKubeconfig } from "../../kube/received_kubeconfig.ts";
import { NAMESPACES } from "../../kube/resources.ts";
import { apiVersionOf } from "../../kube/types.ts";
import { HttpBrowser, type Page } from "../../playground/browser.ts";
import { eventually, within } from "../clusters.ts";
import { mangoDbCrd } from "../mangodb.ts";
import { Story } from "./harness.ts";
import type { Program } from "./program.ts";

const GROUP = "mangodb.com";
/** As in appendix B of RFC 7636. */
const VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/** Nobody listens there, and the browser does not go. */
const CALLBACK = "http://localhost:4711/callback";

const soon = () => within(10_000);

Deno.test("a credential goes to the command line that asked, once, whichever replica it asks", async (t) => {
  await using story = await Story.open();
  const keys = `--cookie-signing-key=${btoa("k".repeat(32))}`;
  const replicas: string[] = [];
  const processes: Program[] = [];
  using browser = new HttpBrowser({ stopAt: CALLBACK });
  let page: Page;
  let tenant: KubeClient;
  let used: string;
  let contract: Contract | undefined;

  const redeem = async (replica: string, code: string, verifier = VERIFIER) => {
    const body = new URLSearchParams({ code, code_verifier: verifier });
    const response = await fetch(`${replica}/response`, { method: "POST", body, signal: soon() });
    contract ??= await Contract.of({ request: (path) => fetch(replica + path, { signal: soon() }) });
    await contract.assertKept("POST", "/response", response);
    return { status: response.status, text: await response.text() };
  };
  const choose = async () => (await browser.click(page.link("mangodbs"), soon())).url.searchParams.get("code")!;

  await story.step(t, "given two replicas, and an offer for everybody beside one for others", async () => {
    for (let count = 0; count < 2; count++) {
      const backend = await story.startBackend(keys);
      processes.push(backend);
      await story.backendReady();
      replicas.push(String((await backend.logged("backend started")).address));
    }
    await story.offer(mangoDbCrd(GROUP));
    const { metadata, spec } = mangoDbCrd("secret.example.com");
    await story.offer({ metadata, spec } as ReturnType<typeof mangoDbCrd>);
    await story.provider.kubectl([
      ...["patch", "apiserviceexporttemplates", metadata.name, "-n", "default", "--type=merge"],
      ...["-p", JSON.stringify({ spec: { allowedGroups: ["security"] } })],
    ]);
    const query = `p=4711&s=Abc123&c=cl1&code_challenge=${CHALLENGE}`;
    const login = await browser.open(`${replicas[0]}/authorize?${query}`, soon());
    page = await browser.submit(login.form("login"), { login: "alice" }, soon());
    await eventually("the page offers what is for everybody, and nothing else", async () => {
      page = await browser.open(page.url, soon());
      return page.links.filter(({ classes }) => classes.includes("mangodbs")).length === 1;
    });
  });

  await story.step(
    t,
    "a stolen code is worth nothing without the verifier; the other replica takes the right one",
    async () => {
      const code = used = await choose();
      assert.equal((await redeem(replicas[1]!, code, "x".repeat(43))).status, 400);
      const response = await redeem(replicas[1]!, code);
      assert.equal(response.status, 200);
      const { kubeconfig, requests } = JSON.parse(response.text);
      assert.equal(requests[0].metadata.name, `mangodbs.${GROUP}`);
      const config = parseReceivedKubeconfig(atob(kubeconfig));
      tenant = new KubeClient(config, { side: "provider" });
      for (const replica of replicas) assert.equal((await redeem(replica, code)).status, 400, "used before");
    },
  );

  await story.step(t, "of ten who redeem one code at once, at both replicas, one gets the credential", async () => {
    const code = await choose();
    const tries = Array.from({ length: 10 }, (_, index) => redeem(replicas[index % 2]!, code));
    const statuses = (await Promise.all(tries)).map(({ status }) => status).sort();
    assert.deepEqual(statuses, [200, ...Array(9).fill(400)]);
  });

  await story.step(
    t,
    "what is for others is refused to the credential, too, until its user is in the group",
    async () => {
      const { items } = await story.provider.client.api(NAMESPACES).list({}, soon());
      const { metadata } = items.find(({ metadata }) => metadata.annotations?.[IDENTITY_ANNOTATION] === "alice#cl1")!;
      const ask = async (name: string) => {
        const requests = tenant.api<APIServiceExportRequest>(API_SERVICE_EXPORT_REQUESTS);
        const key = { namespace: metadata.name, name };
        await requests.create({
          apiVersion: API_VERSION,
          kind: API_SERVICE_EXPORT_REQUESTS.kind,
          metadata: key,
          spec: { resources: [{ group: "secret.example.com", resource: "mangodbs" }] },
        }, soon());
        return await eventually("the request is answered", async () => {
          const { status } = await requests.get(key, soon());
          return status?.phase && status.phase !== "Pending" && status;
        });
      };
      const refused = await ask("outsider");
      assert.equal(refused.phase, "Failed");
      assert.match(refused.terminalMessage!, /is not on offer to the user of this app cluster/);
      const person = JSON.stringify({ groups: ["security"] }); // as the next bind would write it
      await story.provider.kubectl([
        "annotate",
        "namespace",
        metadata.name,
        "--overwrite",
        `${PERSON_ANNOTATION}=${person}`,
      ]);
      await eventually("a member may", async () => (await ask(`member-${crypto.randomUUID()}`)).phase === "Succeeded");
    },
  );

  await story.step(
    t,
    "a second template for the API says that it does not count, and the first one how often it is exported",
    async () => {
      const templates = story.provider.client.api<APIServiceExportTemplate>(API_SERVICE_EXPORT_TEMPLATES);
      await templates.create({
        apiVersion: apiVersionOf(API_SERVICE_EXPORT_TEMPLATES),
        kind: API_SERVICE_EXPORT_TEMPLATES.kind,
        metadata: { namespace: "default", name: "z-second" },
        spec: { APIServiceSelector: { group: "secret.example.com", resource: "mangodbs" } },
      }, soon());
      const established = async (name: string) => {
        const { status } = await templates.get({ namespace: "default", name }, soon());
        return { ...findCondition(status?.conditions, "Established"), exports: status?.exports };
      };
      await eventually("it says so", async () => (await established("z-second")).reason === "AnotherTemplateCounts");
      await eventually("the first one counts", async () => {
        const first = await established("mangodbs.secret.example.com");
        return first.status === "True" && first.exports === 1;
      });
    },
  );

  await story.step(t, "a code and a session outlive all replicas, and a code that was used stays used", async () => {
    const code = await choose();
    for (const process of processes) await process.kill();
    const backend = await story.startBackend(keys);
    await story.backendReady();
    const { address } = await backend.logged("backend started");
    assert.equal((await redeem(String(address), used)).status, 400, "used before");
    const response = await redeem(String(address), code);
    assert.equal(response.status, 200);
    const again = new URL(page.url);
    again.port = new URL(String(address)).port; // cookies know no ports
    page = await browser.open(again, soon());
    assert.equal(page.status, 200);
    assert.match(page.text, /signed in as alice@example\.com/);
  });
  tenant!.close();
});
