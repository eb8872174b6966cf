import assert from "node:assert/strict";
import { reachLoopbackDirectly } from "./loopback.ts";

function applied(variables: Record<string, string>): Record<string, string> {
  const env = new Map(Object.entries(variables));
  reachLoopbackDirectly({ get: (name) => env.get(name), set: (name, value) => void env.set(name, value) });
  return Object.fromEntries(env);
}

Deno.test("without a proxy nothing changes", () => {
  assert.deepEqual(applied({ NO_PROXY: "example.com" }), { NO_PROXY: "example.com" });
});

Deno.test("loopback joins what is reached directly", () => {
  const proxy = { HTTPS_PROXY: "http://proxy:3128" };
  assert.deepEqual(applied(proxy), { ...proxy, NO_PROXY: "localhost,127.0.0.1,::1" });
  const some = { ...proxy, NO_PROXY: "example.com, 127.0.0.1" };
  assert.deepEqual(applied(some), { ...proxy, NO_PROXY: "example.com,127.0.0.1,localhost,::1" });
});

Deno.test("the spelling that is in use stays the only one", () => {
  const env = { http_proxy: "http://proxy:3128", no_proxy: "a" };
  assert.deepEqual(applied(env), { ...env, no_proxy: "a,localhost,127.0.0.1,::1" });
});

Deno.test("fetch goes straight to what listens here, whatever the proxy", async () => {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => new Response("reached"));
  const script = `
    const { reachLoopbackDirectly } = await import(${JSON.stringify(import.meta.resolve("./loopback.ts"))});
    reachLoopbackDirectly(Deno.env);
    console.log(await (await fetch("http://127.0.0.1:${server.addr.port}")).text());
    using client = Deno.createHttpClient({ http2: false });
    console.log(await (await fetch("http://localhost:${server.addr.port}", { client })).text());`;
  const child = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", script],
    env: { HTTP_PROXY: "http://127.0.0.1:9", HTTPS_PROXY: "http://127.0.0.1:9", NO_PROXY: "", no_proxy: "" },
  }).output();
  await server.shutdown();
  assert.equal(new TextDecoder().decode(child.stdout), "reached\nreached\n", new TextDecoder().decode(child.stderr));
});
