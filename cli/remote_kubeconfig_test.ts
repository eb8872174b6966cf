import { deepEqual, equal, throws } from "node:assert/strict";
import { parse } from "yaml";
import { providerOf, readReceivedKubeconfig } from "./remote_kubeconfig.ts";

const two = `
apiVersion: v1
kind: Config
clusters:
- {name: one, cluster: {server: "https://one.example"}}
- {name: two, cluster: {server: "https://two.example/"}}
contexts:
- {name: first, context: {cluster: one, user: alice, namespace: ns-one}}
- {name: second, context: {cluster: two, user: bob, namespace: ns-two}}
users:
- {name: alice, user: {token: alices}}
- {name: bob, user: {token: bobs}}
current-context: second
`;

Deno.test("readReceivedKubeconfig() leaves other contexts' credentials behind", () => {
  const { text, server, namespace } = readReceivedKubeconfig(two);
  deepEqual(parse(text), {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "two", cluster: { server: "https://two.example/" } }],
    contexts: [{ name: "second", context: { cluster: "two", user: "bob", namespace: "ns-two" } }],
    users: [{ name: "bob", user: { token: "bobs" } }],
    "current-context": "second",
  });
  equal(server, "https://two.example/");
  equal(namespace, "ns-two");
});

Deno.test("readReceivedKubeconfig() gives a text that it reads the same, and leaves as it is", () => {
  const once = readReceivedKubeconfig(two);
  equal(readReceivedKubeconfig(once.text).text, once.text);
});

Deno.test("readReceivedKubeconfig() writes another namespace into the text, too", async () => {
  const { text, namespace, config } = readReceivedKubeconfig(two, "elsewhere");
  equal(namespace, "elsewhere");
  equal(config.namespace, "elsewhere");
  deepEqual(providerOf(text), { server: "https://two.example/", namespace: "elsewhere" });
  deepEqual((await config.credentials(false, new AbortController().signal)).headers, { authorization: "Bearer bobs" });
});

Deno.test("readReceivedKubeconfig() writes a text that a konnector in Go reads the same: it takes YAML 1.1", () => {
  const { text } = readReceivedKubeconfig(two, "on");
  deepEqual(parse(text, { version: "1.1" }), parse(text));
});

Deno.test("readReceivedKubeconfig() needs a namespace from somewhere", () => {
  throws(() => readReceivedKubeconfig(two.replace(", namespace: ns-two", "")), /remote namespace is required/);
  equal(readReceivedKubeconfig(two.replace(", namespace: ns-two", ""), "given").namespace, "given");
});

const untold: [name: string, text: string][] = [
  ["nothing", ""],
  ["no YAML", "{"],
  ["a list", "- a"],
  ["no current context", two.replace("current-context: second", "")],
  ["an unknown context", two.replace("current-context: second", "current-context: third")],
  ["no namespace", two.replace(", namespace: ns-two", "")],
];
for (const [name, text] of untold) {
  Deno.test(`providerOf() cannot tell from ${name}`, () => equal(providerOf(text), undefined));
}

Deno.test("providerOf() tells also from kubeconfigs that would be refused", () => {
  const original = two.replace("{token: bobs}", "{exec: {command: login}}");
  deepEqual(providerOf(original), { server: "https://two.example/", namespace: "ns-two" });
});
