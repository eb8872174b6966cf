import { equal, rejects } from "node:assert/strict";
import { join } from "node:path";
import type { BindRequest } from "../crds/bind_request.ts";
import { makeOwnedDirectory } from "../playground/owned_directory.ts";
import { within } from "../tests/clusters.ts";
import { serveLocally } from "../tests/local_server.ts";
import { bindingResponse } from "./bind_fixture.ts";
import { recordedTerminal } from "./terminal_fixture.ts";
import { logInByToken } from "./token_login.ts";

const KUBECONFIG = `apiVersion: v1
kind: Config
clusters: [{name: a, cluster: {server: "https://provider.example:6443"}}]
contexts: [{name: a, context: {cluster: a, namespace: cluster-x7k2p, user: a}}]
users: [{name: a, user: {token: x}}]
current-context: a
`;

Deno.test("logInByToken() binds what was asked for, and refuses a provider that answers with something else", async () => {
  await using server = serveLocally(async (request) => {
    const { sessionID } = await request.json() as BindRequest;
    return Response.json(bindingResponse(sessionID, KUBECONFIG, "example.com"));
  });
  await using directory = await makeOwnedDirectory();
  const path = join(directory.path, "token");
  await Deno.writeTextFile(path, "a-token\n");
  const bindUrl = new URL("/api/bind", server.url);
  const url = new URL("https://provider.example");
  const tokenWay = { apisUrl: bindUrl, bindUrl, issuerUrl: url.href, scopes: [], audiences: ["klutch"] };
  const provider = { name: "Mango Inc.", version: "v1.4.0", loginUrl: url, tokenWay };
  const { terminal } = recordedTerminal();
  const logIn = (...apis: string[]) =>
    logInByToken(
      { kind: "file", path },
      { sessionID: "abc123", clusterID: "x", apis },
      { provider, terminal },
      within(5_000),
    );
  equal((await logIn("mangodbs.example.com")).requests.length, 1);
  await rejects(logIn("queues.example.com"), /a request for "mangodbs\.example\.com", which was not asked for/);
});
