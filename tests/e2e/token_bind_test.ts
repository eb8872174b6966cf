import assert from "node:assert/strict";
import { parseAllDocuments } from "yaml";
import { Contract } from "../../backend/openapi_fixture.ts";
import type { BindRequest } from "../../crds/bind_request.ts";
import { API_SERVICE_BINDINGS, API_VERSION, IDENTITY_ANNOTATION } from "../../crds/names.ts";
import type { PermissionClaim } from "../../crds/shared.ts";
import { NAMESPACES, SECRETS } from "../../kube/resources.ts";
import { annotationOf } from "../../kube/types.ts";
import { openEmbeddedIssuer } from "../../oidc/embedded_issuer.ts";
import { HttpBrowser } from "../../playground/browser.ts";
import { makeOwnedDirectory } from "../../playground/owned_directory.ts";
import { freePort } from "../../playground/programs.ts";
import { within } from "../clusters.ts";
import { AUDIENCE, KeyServer } from "../key_server.ts";
import { mangoDbCrd } from "../mangodb.ts";
import { assertGolden } from "./golden.ts";
import { backendReady, Story } from "./harness.ts";
import type { Program } from "./program.ts";

const SECRETS_CLAIM: PermissionClaim = {
  group: "",
  resource: "secrets",
  version: "v1",
  selector: { names: ["*"], namespaces: ["*"], owner: "Provider" },
  required: true,
};
const api = (name: string) => `mangodbs.team-${name}.example.com`;
const soon = () => within(10_000);

Deno.test("APIs are bound without a browser, by device code, by a program's secret and by a CI system's token", async (t) => {
  await using story = await Story.open();
  await using directory = await makeOwnedDirectory();
  const write = async (name: string, text: string) => {
    const path = `${directory.path}/${name}`;
    await Deno.writeTextFile(path, text);
    return path;
  };
  // Both backends look after all contracts, and whichever comes first grants a right: the records of both are wanted.
  const auditLog = `${directory.path}/audit.jsonl`;
  const audit = `--audit-log-path=${auditLog}`;
  const contracts = async () => {
    const { items } = await story.provider.client.api(NAMESPACES).list({}, soon());
    return items.flatMap((one) => annotationOf(one, IDENTITY_ANNOTATION)?.split("#", 1) ?? []).sort();
  };
  const bindings = async () =>
    (await story.consumer.client.api(API_SERVICE_BINDINGS).list({}, soon())).items.map(({ metadata }) => metadata.name);
  const secrets = async () => (await story.consumer.client.api(SECRETS).list({}, soon())).items.length;
  const begin = (url: string, args: readonly string[], env?: Record<string, string>): Promise<Program> =>
    story.run([
      ...["bind", url, "--non-interactive", "--skip-konnector", "--wait-timeout=30s"],
      `--kubeconfig=${story.consumer.plane.kubeconfigPath}`,
      ...args,
    ], { env });
  const bind = async (...call: Parameters<typeof begin>) => await (await begin(...call)).result();

  await story.step(t, "given a provider with four offers", async () => {
    await Promise.all([story.startBackend(audit), story.startKonnector()]);
    await story.backendReady();
    for (const name of ["a", "b", "c", "d"]) await story.offer(mangoDbCrd(`team-${name}.example.com`), [SECRETS_CLAIM]);
    await story.offered(...["a", "b", "c", "d"].map(api));
  });

  await story.step(t, "a person connects the command line on another device, and gets two APIs at once", async () => {
    const args = ["--api", api("a"), "--api", api("b"), "--accept-claims=required"];
    const program = await begin(story.exportUrl, args);
    const [, url, code] = await program.says(/visit on any device[^]+?\t(http\S+)[^]+?\t(\S+)\n/);
    using browser = new HttpBrowser();
    let page = await browser.open(url!, soon());
    page = await browser.submit(page.form("user_code"), { user_code: code! }, soon());
    page = await browser.submit(page.form("confirm"), {}, soon());
    page = await browser.submit(page.form("login"), { login: "alice" }, soon());
    assert.match(page.text, /Device connected/);
    assert.equal(await program.ended(), 0, await program.describe());
    const stderr = await program.stderr;
    for (const name of ["a", "b"]) assert.ok(stderr.includes(`APIServiceBinding ${api(name)} is Ready`), stderr);
    assert.match(
      stderr,
      /Accepted: mangodbs\.team-a\.example\.com: secrets of the provider are copied into this cluster/,
    );
    assert.doesNotMatch(stderr + await program.stdout, /eyJ/, "no token on the screen");
    assert.deepEqual(await contracts(), ["alice"]);
    const { spec } = await story.binding(api("a"));
    assert.deepEqual(spec.permissionClaims?.map(({ state }) => state), ["Accepted"]);
  });

  const program = { clientId: "builder", clientSecret: "s3cret of the builder" };
  const redirectUris = ["http://127.0.0.1:9/callback"];
  await using issuer = await openEmbeddedIssuer({ ...program, redirectUris, tokenAudience: AUDIENCE }, within(120_000));
  await using ci = await KeyServer.open();
  const { issuerUrl } = issuer;
  let url: string;

  await story.step(t, "given a backend that lets programs in", async () => {
    const address = `127.0.0.1:${freePort()}`;
    await story.run([
      "backend",
      `--kubeconfig=${story.provider.plane.kubeconfigPath}`,
      ...[`--listen-address=${address}`, "--health-address=127.0.0.1:0", "--leader-elect=false"],
      ...[`--oidc-issuer-url=${issuerUrl}`, "--oidc-issuer-client-id=klutch", "--oidc-issuer-client-secret=x"],
      ...[`--oidc-callback-url=http://${address}/callback`, `--cookie-signing-key=${btoa("k".repeat(32))}`],
      ...[`--oidc-token-audiences=${AUDIENCE}`, `--oidc-token-issuers=${ci.url}`],
      ...[`--oidc-allowed-programs=${ci.url}/repo:acme/*`, audit],
    ], { name: "backend-for-programs" });
    url = `http://${address}/export`;
    await backendReady(url);
  });

  await story.step(t, "a program sees what is on offer to it, and others do not", async () => {
    const apis = (...args: string[]) => story.runToEnd(["apis", url, ...args]);
    const token = await write("token", await ci.sign({ sub: "repo:acme/shop" }));
    const { code, stdout, stderr } = await apis(`--identity-token-file=${token}`);
    assert.deepEqual([code, stderr], [0, ""]);
    await assertGolden("apis", stdout);
    await assertGolden("apis_wide", (await apis(`--identity-token-file=${token}`, "-o=wide")).stdout);
    const [first] = JSON.parse((await apis(`--identity-token-file=${token}`, "-o=json")).stdout);
    assert.deepEqual([first.name, first.permissionClaims[0].resource], [api("a"), "secrets"]);
    assert.match((await apis(`--identity-token-file=${token}`, "-o=yaml")).stdout, /^- name: mangodbs\.team-a/);

    const stranger = await write("stranger", await ci.sign({ sub: "repo:evil/shop" }));
    const refused = await apis(`--identity-token-file=${stranger}`);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /403 .*has not named your program/);
    assert.doesNotMatch(refused.stderr, /eyJ|\n +at /);
    const anonymous = await fetch(new URL("/api/apis", url), { signal: soon() });
    await anonymous.body?.cancel();
    assert.equal(anonymous.status, 401);
    assert.deepEqual(await contracts(), ["alice"], "to look makes nothing");
  });

  await story.step(t, "a dry run with a token makes nothing on either side", async () => {
    const token = await write("token", await ci.sign({ sub: "repo:acme/shop" }));
    const before = [await contracts(), await bindings()];
    const args = [`--identity-token-file=${token}`, `--api=${api("c")}`, "--dry-run"];
    const { code, stdout, stderr } = await bind(url, args);
    assert.equal(code, 0, stderr);
    await assertGolden("bind_dry_run", stderr);
    assert.equal(parseAllDocuments(stdout).length, 1);
    assert.deepEqual([await contracts(), await bindings()], before);
  });

  await story.step(t, "a CI system binds by its token, and gets manifests for its repository", async () => {
    const token = await write("token", await ci.sign({ sub: "repo:acme/shop" }));
    const secretFile = `${directory.path}/secret.yaml`;
    const args = [`--identity-token-file=${token}`, `--api=${api("c")}`, "--accept-claims=secrets", "-o=yaml"];
    const { code, stdout, stderr } = await bind(url, [...args, `--secret-file=${secretFile}`]);
    assert.equal(code, 0, stderr);
    const manifests = parseAllDocuments(stdout).map((document) => document.toJS());
    assert.deepEqual(manifests.map(({ kind }) => kind), ["Namespace", "APIServiceBinding"]);
    assert.deepEqual(Object.keys(manifests[1]), ["apiVersion", "kind", "metadata", "spec"]);
    assert.doesNotMatch(stdout, /token|kubeconfig:/);
    assert.deepEqual(await contracts(), ["alice", `${ci.url}/repo:acme/shop`]);

    assert.equal((await Deno.stat(secretFile)).mode! & 0o777, 0o600);
    const applied = await story.consumer.kubectl(["apply", "-f", secretFile, "--dry-run=server"]);
    assert.match(applied, new RegExp(`secret/${manifests[1].spec.kubeconfigSecretRef.name} configured`));
    assert.match(
      await story.consumer.kubectl(["apply", "-f", "-", "--dry-run=server"], stdout),
      /mangodbs\.team-c\S+ configured/,
    );
  });

  await story.step(
    t,
    "a program binds by its secret, which goes to the issuer that it is for and to no other",
    async () => {
      const args = [`--api=${api("d")}`, "--accept-claims=all", `--client-id=${program.clientId}`];
      const env = { KLUTCH_CLIENT_SECRET: program.clientSecret };
      const elsewhere = await bind(url, [...args, "--issuer=https://other.example"], env);
      assert.equal(elsewhere.code, 1);
      assert.match(elsewhere.stderr, /it is not sent anywhere else/);
      const { code, stderr } = await bind(url, [...args, `--issuer=${issuerUrl}`], env);
      assert.equal(code, 0, stderr);
      assert.ok((await contracts()).includes(program.clientId));
      assert.ok(!stderr.includes(program.clientSecret));
      const again = await bind(url, [...args, `--issuer=${issuerUrl}`], env);
      assert.equal(again.code, 0, again.stderr);
      assert.match(again.stderr, /Updating existing APIServiceBinding/);
    },
  );

  await story.step(t, "the audit log tells who has got which credential, from where", async () => {
    const records = (await Deno.readTextFile(auditLog)).trimEnd().split("\n").map((line) => JSON.parse(line));
    const ofCi = records.filter(({ identity }) => identity?.startsWith(`${ci.url}/repo:acme/shop#`));
    const issued = ofCi.find(({ msg }) => msg === "credential issued");
    const handedOver = ofCi.find(({ msg }) => msg === "credential handed over");
    assert.match(issued.id, /^JTI=./);
    assert.deepEqual(
      [handedOver.id, handedOver.namespace, handedOver.apis, handedOver.by, handedOver.address],
      [issued.id, issued.namespace, [api("c")], "token", "127.0.0.1"],
    );
    const rights = ofCi.find(({ rules }) => rules?.some((rule: string) => rule.includes("mangodbs")));
    assert.equal(rights?.namespace, issued.namespace);
    assert.doesNotMatch(JSON.stringify(records), /eyJ/, "no token in it");
  });

  await story.step(t, "what may not be is refused with a reason, and leaves nothing behind", async () => {
    const token = await write("token", await ci.sign({ sub: "repo:acme/shop" }));
    const stranger = await write("stranger", await ci.sign({ sub: "repo:evil/shop" }));
    const old = await write("old", await ci.sign({ sub: "repo:acme/shop", exp: 1_700_000_000 }));
    const before = [await contracts(), await bindings(), await secrets()];
    const cases: [args: string[], code: number, why: RegExp][] = [
      [[`--identity-token-file=${stranger}`, `--api=${api("c")}`], 1, /403 .*has not named your program/],
      [[`--identity-token-file=${old}`, `--api=${api("c")}`], 1, /401 .*exp/],
      [[`--identity-token-file=${directory.path}/none`, `--api=${api("c")}`], 2, /cannot read '.*none'/],
      [[`--identity-token-file=${token}`, "--api=cats.example.com"], 1, /404 .*does not offer/],
      [
        [`--identity-token-file=${token}`, `--api=${api("a")}`, "--accept-claims=all"],
        1,
        /not from this service provider/,
      ],
      [[`--identity-token-file=${token}`, `--api=${api("c")}`, "--accept-claims=pods"], 1, /provider claims secrets/],
      [[`--api=${api("c")}`], 1, /has no login by device code/],
      [[`--api=${api("c")}`, "--client-id=builder", "--issuer=x"], 2, /--client-secret-file/],
      [[], 2, /needs '--api'/],
    ];
    for (const [args, code, why] of cases) {
      const result = await bind(url, args);
      assert.equal(result.code, code, result.stderr);
      assert.match(result.stderr, why);
      assert.doesNotMatch(result.stderr, /eyJ|\n +at /);
    }
    assert.deepEqual([await contracts(), await bindings(), await secrets()], before);
  });

  await story.step(t, "a program without our command line gets what the OpenAPI document promises", async () => {
    const contract = await Contract.of({ request: (path) => fetch(new URL(path, url), { signal: soon() }) });
    const token = await ci.sign({ sub: "repo:acme/shop" });
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const ask = async (method: string, path: string, request?: BindRequest) => {
      const body = request && JSON.stringify(request);
      const response = await fetch(new URL(path, url), { method, headers, body, signal: soon() });
      await contract.assertKept(method, path, response);
      return await response.json();
    };
    const request: BindRequest = {
      kind: "BindRequest",
      apiVersion: API_VERSION,
      sessionID: "Abc123",
      clusterID: "another",
      apis: [api("a"), api("b")],
    };
    assert.equal((await ask("GET", "/export")).kind, "BindingProvider");
    assert.equal((await ask("GET", "/api/apis")).items.length, 4);
    const dry = await ask("POST", "/api/bind", { ...request, dryRun: true });
    assert.deepEqual([dry.kind, dry.kubeconfig], ["BindingResponse", undefined]);
    assert.match(atob((await ask("POST", "/api/bind", request)).kubeconfig), /^users:$/m);
    assert.equal((await ask("POST", "/api/bind", { ...request, apis: ["cats.example.com"] })).status, 404);
  });
});
