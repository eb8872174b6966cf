import assert from "node:assert/strict";
import { KLUTCH_NAMESPACE, KUBECONFIG } from "../../crds/names.ts";
import { type Secret, SECRETS } from "../../kube/resources.ts";
import { openEmbeddedIssuer } from "../../oidc/embedded_issuer.ts";
import { makeOwnedDirectory } from "../../playground/owned_directory.ts";
import { freePort } from "../../playground/programs.ts";
import { within } from "../clusters.ts";
import { AUDIENCE, KeyServer } from "../key_server.ts";
import { mangoDbCrd } from "../mangodb.ts";
import { TcpProxy } from "../tcp_proxy.ts";
import { logInAndBind } from "./browser.ts";
import { backendReady, type Cluster, Story } from "./harness.ts";
import { Onlooker } from "./onlooker.ts";
import type { Program } from "./program.ts";

const JWT = /eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}/;
const api = (name: string) => `mangodbs.team-${name}.example.com`;

/** What people and programs send to prove who they are. */
function proofsIn(text: string): string[] {
  const forms = [...text.matchAll(/\b(?:code|code_verifier)=([^&\s]+)/g)].map(([, value]) =>
    decodeURIComponent(value!)
  );
  const bearers = [...text.matchAll(/^authorization: Bearer (\S+)/gim)].map(([, token]) => token!);
  const cookies = [...text.matchAll(/^cookie: (.+)$/gim)].flatMap(([, pairs]) => pairs!.trim().split("; "));
  return [...forms, ...bearers, ...cookies.map((pair) => pair.slice(pair.indexOf("=") + 1))];
}

Deno.test("No secret of a login is seen on screens, in lists of processes, in files, in logs or in other objects", async (t) => {
  await using story = await Story.open();
  await using own = await makeOwnedDirectory();
  const [given, home] = [`${own.path}/given`, `${own.path}/home`];
  for (const path of [given, home, `${home}/tmp`]) await Deno.mkdir(path);
  const file = async (name: string, text: string, mode = 0o600) => {
    await Deno.writeTextFile(`${given}/${name}`, text, { mode });
    return `${given}/${name}`;
  };
  const clientSecret = `client-${crypto.randomUUID()}`;
  const cookieKey = btoa(crypto.randomUUID().slice(0, 32));
  const known = [clientSecret, cookieKey];
  let sent = "";
  const decoder = new TextDecoder();
  const address = `127.0.0.1:${freePort()}`;
  await using proxy = new TcpProxy(`http://${address}`, (bytes) => sent += `${decoder.decode(bytes)}\n`);
  const origin = `http://127.0.0.1:${proxy.port}`;
  const redirectUris = [`${origin}/callback`];
  const client = { clientId: "klutch", clientSecret, redirectUris, tokenAudience: AUDIENCE };
  await using issuer = await openEmbeddedIssuer(client, within(120_000));
  await using ci = await KeyServer.open();
  await using onlooker = new Onlooker(home);

  const env = { HOME: home, TMPDIR: `${home}/tmp`, KLUTCH_DEBUG: "1" };
  const programs: Program[] = [];
  const run = async (args: string[], more: Record<string, string> = {}) => {
    const program = await story.run(args, { env: { ...env, ...more } });
    programs.push(program);
    return program;
  };
  const begin = (...args: string[]) =>
    run([
      ...["bind", `${origin}/export`, "--skip-konnector", "--wait-timeout=30s", "--accept-claims=all", "-v=9"],
      ...[`--kubeconfig=${story.consumer.plane.kubeconfigPath}`, ...args],
    ], { KLUTCH_CLIENT_SECRET: clientSecret, BROWSER: `${given}/browser` });
  const bind = async (code: number, ...args: string[]) => {
    const program = await begin("--non-interactive", ...args);
    assert.equal(await program.ended(), code, await program.describe());
  };

  await story.step(t, "given a provider and a konnector that tell all they do", async () => {
    await run([
      ...["backend", `--kubeconfig=${story.provider.plane.kubeconfigPath}`, "-v=9", "--leader-elect=false"],
      ...[`--listen-address=${address}`, "--health-address=127.0.0.1:0"],
      ...[`--oidc-issuer-url=${issuer.issuerUrl}`, "--oidc-issuer-client-id=klutch"],
      ...[`--oidc-callback-url=${origin}/callback`, `--oidc-token-audiences=${AUDIENCE}`],
      ...[`--oidc-token-issuers=${ci.url}`, `--oidc-allowed-programs=${ci.url}/repo:acme/*`],
    ], { KLUTCH_OIDC_CLIENT_SECRET: clientSecret, KLUTCH_COOKIE_SIGNING_KEY: cookieKey });
    await run([
      ...["konnector", `--kubeconfig=${story.consumer.plane.kubeconfigPath}`, "-v=9"],
      "--health-address=127.0.0.1:0",
    ]);
    await file("browser", '#!/bin/sh\necho "$@" >"$TMPDIR/visited"\nsleep 1\n', 0o700);
    for (const name of ["a", "b", "c"]) await story.offer(mangoDbCrd(`team-${name}.example.com`));
    await backendReady(`${origin}/export`);
    await story.offered(...["a", "b", "c"].map(api));
  });

  await story.step(
    t,
    "a person binds with a browser, a CI system with its token, a program with its secret",
    async () => {
      const program = await begin();
      const [, url] = await program.says(/visit in your browser:\s+(http\S+)/);
      await logInAndBind(url!, "mangodbs");
      assert.equal(await program.ended(), 0, await program.describe());
      const token = await ci.sign({ sub: "repo:acme/shop" });
      await bind(0, `--api=${api("b")}`, `--identity-token-file=${await file("token", token)}`);
      await bind(0, `--api=${api("c")}`, "--client-id=klutch", `--issuer=${issuer.issuerUrl}`);
      known.push(token);
    },
  );

  await story.step(t, "some are refused, with the reason", async () => {
    const strange = await ci.sign({ sub: "repo:evil/shop" });
    const old = await ci.sign({ sub: "repo:acme/shop", exp: 1_700_000_000 });
    for (const token of [strange, old]) {
      await bind(1, `--api=${api("a")}`, `--identity-token-file=${await file("bad", token)}`);
    }
    known.push(strange, old);
    const [, path, body] = /POST (\S+) [^]*?(\bcode=\S+&code_verifier=[\w-]+)/.exec(sent)!;
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const again = await fetch(`${origin}${path}`, { method: "POST", headers, body, signal: within(5_000) });
    assert.match(await again.text(), /used already/);
  });

  await story.step(t, "and nothing of that is seen", async () => {
    const { items } = await story.consumer.client.api<Secret>(SECRETS).list(
      { namespace: KLUTCH_NAMESPACE },
      within(5_000),
    );
    const tokens = items.map(({ data }) => /token: (\S+)/.exec(atob(data![KUBECONFIG]!))![1]!);
    assert.ok(tokens.length > 0);
    const secrets = [...new Set([...known, ...tokens, ...proofsIn(sent)])];
    assert.ok(secrets.length >= known.length + tokens.length + 5, "codes, verifier and cookies were sent");
    for (const one of secrets) assert.ok(one.length >= 16, `too short to be looked for: ${one}`);

    const screens = await Promise.all(programs.flatMap(({ stdout, stderr }) => [stdout, stderr]));
    const list = (cluster: Cluster, kinds: string) =>
      cluster.kubectl(["get", `events,namespaces,configmaps,${kinds}`, "--all-namespaces", "-o=yaml"]);
    const seen: Record<string, Iterable<string>> = {
      "on screens and in logs": screens,
      "in the list of processes": onlooker.commandLines,
      "in other objects": await Promise.all([
        list(story.consumer, "apiservicebindings"),
        list(story.provider, "clusterbindings,apiserviceexports,apiserviceexportrequests,leases"),
      ]),
    };
    for (const [where, texts] of Object.entries(seen)) {
      for (const text of texts) {
        for (const one of secrets) assert.ok(!text.includes(one), `${one.slice(0, 8)}… is ${where}: ${text}`);
        assert.doesNotMatch(text, JWT, `a token is ${where}`);
      }
    }
    // What was given in variables is inherited; nothing else may be.
    const inherited = secrets.filter((one) => ![clientSecret, cookieKey].includes(one));
    for (const text of onlooker.environments) assert.ok(!inherited.some((one) => text.includes(one)), text);
    assert.ok([...onlooker.environments].some((text) => text.includes(clientSecret)), "the onlooker sees environments");
    assert.deepEqual([...onlooker.paths], [`${home}/tmp/visited`], "only the browser leaves a file");
    const visited = (await Deno.readTextFile(`${home}/tmp/visited`)).trim();
    assert.ok([...onlooker.commandLines].some((line) => line.endsWith(visited)), "the onlooker sees command lines");
    assert.ok(screens.some((text) => text.includes(visited)), "and what is on screens");
  });
});
