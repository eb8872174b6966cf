import { deepEqual, equal, rejects, throws } from "node:assert/strict";
import { API_VERSION } from "../crds/names.ts";
import { bindingResponse } from "./bind_fixture.ts";
import { decodeResponse, readBindingResponse } from "./binding_response.ts";

const SECRET = "not-for-your-eyes";

const kubeconfig = (user: string, cluster = "", context = "namespace: cluster-x7k2p, ") =>
  `apiVersion: v1
kind: Config
clusters: [{name: default, cluster: {server: "https://provider.example:6443"${cluster}}}]
contexts: [{name: default, context: {cluster: default, ${context}user: default}}]
users: [{name: default, user: {${user}}}]
current-context: default
`;
const GOOD = kubeconfig(`token: ${SECRET}`);

const response = (fields: Record<string, unknown> = {}) => ({
  ...bindingResponse("abc123", GOOD, "mangodb.com"),
  ...fields,
});
const request = (fields: Record<string, unknown> = {}) => ({ ...response().requests[0], ...fields });
const resources = (...resources: unknown[]) => [request({ spec: { resources } })];

const withKubeconfig = (text: string) => response({ kubeconfig: btoa(text) });

const refused: [name: string, document: unknown, why: RegExp][] = [
  ["null", null, /unexpected response type "", Kind=""/],
  ["text", "hello", /unexpected response type/],
  ["another kind", response({ kind: "BindingProvider" }), /Kind="BindingProvider", only supporting/],
  ["a Secret", { apiVersion: "v1", kind: "Secret" }, /unexpected response type "v1", Kind="Secret"/],
  ["the bare version", response({ apiVersion: "v1alpha1" }), /unexpected response type "v1alpha1"/],
  ["no authentication", response({ authentication: undefined }), /authentication\.oauth2CodeGrant is nil/],
  ["an empty authentication", response({ authentication: {} }), /authentication\.oauth2CodeGrant is nil/],
  [
    "another session",
    response({ authentication: { oauth2CodeGrant: { sid: "zzz999", id: "x" } } }),
    /sessionID does not match/,
  ],
  ["a session that is no text", response({ authentication: { oauth2CodeGrant: { sid: ["abc123"] } } }), /not match/],
  ["no requests", response({ requests: [] }), /unexpected response: .*requests/],
  ["requests missing", response({ requests: undefined }), /unexpected response: .*requests/],
  ["too many requests", response({ requests: Array(2000).fill(request()) }), /unexpected response: .*requests/],
  [
    "a request of another version",
    response({ requests: [request({ apiVersion: "v1" })] }),
    /request #0 is not .* got "v1"/,
  ],
  ["a request that is no object", response({ requests: [request(), 7] }), /request #1 is not/],
  ["a request of another kind", response({ requests: [request({ kind: "Secret" })] }), /requests\[0\]\.kind/],
  ["a request without resources", response({ requests: resources() }), /resources/],
  [
    "a request with a path as resource",
    response({ requests: resources({ group: "a.b", resource: "../secrets" }) }),
    /resource/,
  ],
  [
    "a request for the core group",
    response({ requests: resources({ group: "", resource: "secrets" }) }),
    /"secrets", which may never be bound/,
  ],
  [
    "a request for an API of Kubernetes",
    response({ requests: resources({ group: "apps", resource: "deployments" }) }),
    /"deployments\.apps", which may never be bound/,
  ],
  [
    "a request for an API of ours",
    response({ requests: resources({ group: "klutch.anynines.com", resource: "apiservicebindings" }) }),
    /may never be bound/,
  ],
  ["no kubeconfig", response({ kubeconfig: undefined }), /kubeconfig is missing/],
  ["a kubeconfig that is not base64", response({ kubeconfig: "***" }), /kubeconfig/],
  ["a kubeconfig that is no text", response({ kubeconfig: "gIGC" }), /not base64 of text/],
  ["a kubeconfig of nonsense", withKubeconfig("hello"), /kubeconfig/],
  ["a kubeconfig that runs a program", withKubeconfig(kubeconfig("exec: {command: id}")), /"exec"/],
  ["a kubeconfig with an auth provider", withKubeconfig(kubeconfig("auth-provider: {name: gcp}")), /"auth-provider"/],
  ["a kubeconfig that reads a token file", withKubeconfig(kubeconfig("tokenFile: /etc/passwd")), /"tokenFile"/],
  [
    "a kubeconfig that reads a CA file",
    withKubeconfig(kubeconfig("token: x", ", certificate-authority: /x")),
    /"certificate-authority"/,
  ],
  ["a kubeconfig with a proxy", withKubeconfig(kubeconfig("token: x", ', proxy-url: "http://evil"')), /"proxy-url"/],
  [
    "a kubeconfig that skips TLS",
    withKubeconfig(kubeconfig("token: x", ", insecure-skip-tls-verify: true")),
    /insecure-skip/,
  ],
  ["a kubeconfig of plain HTTP", withKubeconfig(GOOD.replace("https:", "http:")), /https:\/\//],
  ["a kubeconfig that says things twice", withKubeconfig(kubeconfig("token: x, token: y")), /kubeconfig/],
  ["a kubeconfig without namespace", withKubeconfig(kubeconfig("token: x", "", "")), /remote namespace is required/],
];
for (const [name, document, why] of refused) {
  Deno.test(`readBindingResponse() refuses ${name}, without quoting credentials`, () => {
    throws(() => readBindingResponse(document, "abc123"), (error: Error) => {
      equal(why.test(error.message), true, error.message);
      equal(error.message.includes(SECRET), false);
      return true;
    });
  });
}

Deno.test("readBindingResponse() keeps of a request what a request may hold, claims with their defaults", () => {
  const claim = { group: "", resource: "secrets", version: "v1", selector: { owner: "Provider" } };
  const { requests, kubeconfig } = readBindingResponse(
    response({
      requests: [request({
        metadata: { name: "mangodbs.mangodb.com", ownerReferences: [{ uid: "x" }], finalizers: ["trap"] },
        spec: { resources: [{ group: "mangodb.com", resource: "mangodbs", permissionClaims: [claim], extra: 1 }] },
        status: { phase: "Succeeded" },
      })],
    }),
    "abc123",
  );
  deepEqual(requests, [{
    apiVersion: API_VERSION,
    kind: "APIServiceExportRequest",
    metadata: { name: "mangodbs.mangodb.com" },
    spec: {
      resources: [{
        group: "mangodb.com",
        resource: "mangodbs",
        permissionClaims: [{
          ...claim,
          selector: { owner: "Provider", names: ["*"], namespaces: ["*"] },
          read: {},
          onConflict: { recreateWhenConsumerSideDeleted: true },
        }],
      }],
    },
    status: {},
  }]);
  equal(kubeconfig?.text, GOOD);
});

Deno.test("readBindingResponse() takes an answer without a credential for a dry run only", () => {
  const document = response({ kubeconfig: undefined });
  equal(readBindingResponse(document, "abc123", { isDryRun: true }).kubeconfig, undefined);
  throws(() => readBindingResponse(document, "abc123"), /kubeconfig is missing/);
});

Deno.test("readBindingResponse() takes neither more nor less than was asked for", () => {
  const read = (...apis: string[]) => readBindingResponse(response(), "abc123", { apis }).requests.length;
  equal(read("mangodbs.mangodb.com"), 1);
  throws(() => read("queues.example.com"), /a request for "mangodbs\.mangodb\.com", which was not asked for/);
  throws(
    () => read("mangodbs.mangodb.com", "queues.example.com"),
    /no request for "queues\.example\.com", which was asked for/,
  );
});

Deno.test("decodeResponse() does not quote what it cannot read", async () => {
  await rejects(decodeResponse(btoa(`{"token":"${SECRET}",`)), (error: Error) => !error.message.includes(SECRET));
  await rejects(decodeResponse(btoa(`token: ${SECRET}\n- x`)), (error: Error) => !error.message.includes(SECRET));
});

Deno.test("decodeResponse() refuses YAML that unfolds", async () => {
  const bomb = "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n";
  await rejects(decodeResponse(btoa(bomb)), SyntaxError);
});
