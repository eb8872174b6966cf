import { equal, match, ok, rejects } from "node:assert/strict";
import { bindingResponse } from "./bind_fixture.ts";
import { loginUrl, openLogin } from "./login.ts";

const never = new AbortController().signal;

const kubeconfig = `apiVersion: v1
kind: Config
clusters: [{name: default, cluster: {server: "https://provider.example:6443"}}]
contexts: [{name: default, context: {cluster: default, namespace: cluster-x7k2p, user: default}}]
users: [{name: default, user: {token: not-for-your-eyes}}]
current-context: default
`;

const response = (sid = "abc123") => bindingResponse(sid, kubeconfig, "mangodb.com");

const encode = (document: unknown) => btoa(JSON.stringify(document));

async function call(port: number, query: string, init?: RequestInit & { host?: string; path?: string }) {
  const answer = await fetch(`http://127.0.0.1:${port}${init?.path ?? "/callback"}${query}`, {
    ...init,
    headers: { ...(init?.host && { host: init.host }) },
  });
  return { status: answer.status, text: await answer.text(), headers: answer.headers };
}

const respond = (port: number, document: unknown) => call(port, `?response=${encodeURIComponent(encode(document))}`);

Deno.test("loginUrl() keeps the query, overrides our three parameters and sorts them", () => {
  const start = new URL("https://provider.example/authorize?z=1&s=foreign&a=2");
  const url = loginUrl(start, { port: 4711, sessionId: "abc123", clusterId: "xyz789" });
  equal(url.href, "https://provider.example/authorize?a=2&c=xyz789&p=4711&s=abc123&z=1");
  equal(start.searchParams.get("s"), "foreign");
});

Deno.test("openLogin() takes the answer of its session and tells the person where to go on", async () => {
  await using login = openLogin({ sessionId: "abc123" });
  const [page, answer] = await Promise.all([respond(login.port, response()), login.answer(never)]);
  equal(page.status, 200);
  match(page.text, /<h1>You have been authenticated successfully!<\/h1>\n<p>Please head back to the command line/);
  ok(!page.text.includes("not-for-your-eyes"));
  match(page.headers.get("cache-control")!, /no-store/);
  match(page.headers.get("referrer-policy")!, /no-referrer/);
  equal(answer.identity, "https://issuer.example/alice");
  equal(answer.kubeconfig?.server, "https://provider.example:6443");
  equal(answer.kubeconfig?.namespace, "cluster-x7k2p");
  equal(answer.requests[0]!.metadata.name, "mangodbs.mangodb.com");
});

Deno.test("openLogin() exchanges the code that the browser brings, and takes nothing else then", async () => {
  const redeemed: string[] = [];
  const notes: string[] = [];
  const redeem = (code: string) => {
    redeemed.push(code);
    if (code !== "good") return Promise.reject(new Error("400 Bad Request: This code is not valid"));
    return Promise.resolve(JSON.stringify(response()));
  };
  const next = new URL('https://provider.example/clusters?s=abc123&x="<');
  await using login = openLogin({ sessionId: "abc123", redeem, next, onUseless: (why) => notes.push(why) });
  equal((await respond(login.port, response())).status, 500, "a credential from the browser could be anybody's");
  equal((await call(login.port, "?code=forged")).status, 500);
  match(notes.join(), /the code is missing.*This code is not valid/);
  const [page, answer] = await Promise.all([call(login.port, "?code=good"), login.answer(never)]);
  equal(page.status, 200);
  match(page.text, /<a href="https:\/\/provider\.example\/clusters\?s=abc123&amp;x=%22%3C">/);
  equal(answer.kubeconfig?.namespace, "cluster-x7k2p");
  equal(redeemed.join(), "forged,good");
});

Deno.test("openLogin() answers further calls with Already authenticated", async () => {
  await using login = openLogin({ sessionId: "abc123" });
  await respond(login.port, response());
  const again = await respond(login.port, response());
  equal(again.text, "Already authenticated");
  await login.answer(never);
});

Deno.test("openLogin() refuses the answer of another session", async () => {
  await using login = openLogin({ sessionId: "abc123" });
  const answer = rejects(login.answer(never), /unexpected response: sessionID does not match/);
  const page = await respond(login.port, response("zzz999"));
  equal(page.status, 400);
  match(page.text, /This answer is refused/);
  await answer;
});

const useless: [name: string, query: string][] = [
  ["no response", ""],
  ["an empty response", "?response="],
  ["a response that is not base64", "?response=***"],
  ["base64 of nonsense", `?response=${encodeURIComponent(btoa("{not json"))}`],
  ["base64 of bytes that are no text", "?response=gIGC"],
];
for (const [name, query] of useless) {
  Deno.test(`openLogin() goes on waiting after ${name}`, async () => {
    const notes: string[] = [];
    await using login = openLogin({ sessionId: "abc123", onUseless: (why) => notes.push(why) });
    const page = await call(login.port, query);
    equal(page.status, 500);
    match(page.text, /internal error/);
    equal(notes.length, 1);
    await Promise.all([respond(login.port, response()), login.answer(never)]);
  });
}

Deno.test("openLogin() reads both base64 alphabets, and YAML", async () => {
  const tricky = { ...response(), comment: "???>>>~~~" }; // whose base64 holds both special characters
  const standard = encode(tricky);
  match(standard, /[+/]/);
  for (const text of [standard, standard.replaceAll("+", "-").replaceAll("/", "_"), standard.replace(/=+$/, "")]) {
    await using login = openLogin({ sessionId: "abc123" });
    const [, answer] = await Promise.all([
      call(login.port, `?response=${encodeURIComponent(text)}`),
      login.answer(never),
    ]);
    equal(answer.requests.length, 1);
  }
  const { stringify } = await import("yaml");
  await using login = openLogin({ sessionId: "abc123" });
  const yaml = encodeURIComponent(btoa(stringify(response())));
  await Promise.all([call(login.port, `?response=${yaml}`), login.answer(never)]);
});

Deno.test("openLogin() takes an answer as large as URLs get", async () => {
  await using login = openLogin({ sessionId: "abc123" });
  const large = { ...response(), padding: "x".repeat(30_000) };
  const [page] = await Promise.all([respond(login.port, large), login.answer(never)]);
  equal(page.status, 200);
});

Deno.test("openLogin() listens for nothing else", async () => {
  await using login = openLogin({ sessionId: "abc123" });
  equal((await call(login.port, "", { path: "/" })).status, 404);
  equal((await call(login.port, "", { path: "/favicon.ico" })).status, 404);
  equal((await call(login.port, "", { method: "POST" })).status, 405);
  const { port } = login;
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const foreign = `GET /callback?response=x HTTP/1.1\r\nhost: evil.example:${port}\r\nconnection: close\r\n\r\n`;
  await connection.write(new TextEncoder().encode(foreign));
  match(await new Response(connection.readable).text(), /^HTTP\/1\.1 421 /);
});

Deno.test("openLogin() gives up in time, and with its caller", async () => {
  await using login = openLogin({ sessionId: "abc123", timeoutMs: 30 });
  await rejects(login.answer(never), /no answer came from the browser/);
  const caller = new AbortController();
  const waiting = openLogin({ sessionId: "abc123" });
  const answer = rejects(waiting.answer(caller.signal), /enough/);
  caller.abort(new Error("enough"));
  await answer;
  await waiting[Symbol.asyncDispose]();
});

Deno.test("openLogin() ends although a browser keeps its connection open", async () => {
  const login = openLogin({ sessionId: "abc123" });
  using _idle = await Deno.connect({ hostname: "127.0.0.1", port: login.port });
  await login[Symbol.asyncDispose]();
  await rejects(Deno.connect({ hostname: "127.0.0.1", port: login.port }), Deno.errors.ConnectionRefused);
});
