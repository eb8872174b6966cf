import assert from "node:assert/strict";
import fc from "fast-check";
import { TerminalError } from "../kube/errors.ts";
import { parseJson } from "../kube/json.ts";
import { APIServiceBinding } from "./api_service_binding.ts";
import { APIServiceExportRequest } from "./api_service_export_request.ts";
import { BindingProvider } from "./binding_provider.ts";
import { BindingResponse } from "./binding_response.ts";
import { check, decode, decodeJson, InvalidObjectError } from "./check.ts";
import { ClusterBinding } from "./cluster_binding.ts";
import { KINDS } from "./kinds.ts";
import { API_VERSION } from "./names.ts";
import { ACCEPTED } from "./testing/accepted.ts";

const binding = (change: object = {}): unknown => ({
  apiVersion: API_VERSION,
  kind: "ClusterBinding",
  metadata: { name: "cluster", namespace: "cluster-x7k2p", uid: "1" },
  spec: { kubeconfigSecretRef: { name: "kubeconfig", key: "kubeconfig" }, providerPrettyName: "Example" },
  ...change,
});

const refusal = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof InvalidObjectError && error instanceof TerminalError);
    return error.message;
  }
  assert.fail("accepted");
};

for (const kind of KINDS) {
  Deno.test(`check() takes every ${kind.resource.kind} that an API server takes`, () => {
    const { group, version, kind: name } = kind.resource;
    const { spec, status } = ACCEPTED[name]!;
    const object = { apiVersion: `${group}/${version}`, kind: name, metadata: { name: "a" }, spec, status };
    check((kind as unknown as typeof ClusterBinding).schema, decode((kind as typeof ClusterBinding).schema, object));
  });
}

const refused: [about: string, value: unknown, message: string | RegExp][] = [
  [
    "a missing field",
    binding({ spec: { kubeconfigSecretRef: { name: "kubeconfig", key: "kubeconfig" } } }),
    'Cannot use ClusterBinding "cluster-x7k2p/cluster": spec.providerPrettyName is missing',
  ],
  [
    "a value out of a closed set, without repeating it",
    binding({ spec: { kubeconfigSecretRef: { name: "a", key: "s3cr3t" }, providerPrettyName: "E" } }),
    'Cannot use ClusterBinding "cluster-x7k2p/cluster": spec.kubeconfigSecretRef.key must be "kubeconfig"',
  ],
  ["another kind", binding({ kind: "Secret" }), /: kind must be "ClusterBinding"$/],
  ["another version", binding({ apiVersion: "klutch.anynines.com/v2" }), /: apiVersion must be "klutch\.anynines/],
  ["an item of a list", binding({ status: { conditions: [{ type: "Ready", status: 1 }] } }), /conditions\[0\]\.status/],
  ["no spec", binding({ spec: undefined }), /spec/],
  ["no object at all", null, "Cannot use ClusterBinding: it must be object"],
  ["a list", [binding()], "Cannot use ClusterBinding: it must be object"],
  ["much at once, in one line", binding({ spec: {}, metadata: {}, kind: 1 }), /\(and \d more\)$/],
  ["a hostile name", binding({ metadata: { name: "a\n".repeat(1000) }, kind: 1 }), /^[^\n]{1,900}$/],
];
for (const [about, value, message] of refused) {
  Deno.test(`check() refuses ${about}`, () => {
    const said = refusal(() => check(ClusterBinding.schema, value));
    if (typeof message === "string") assert.equal(said, message);
    else assert.match(said, message);
  });
}

Deno.test("check() takes fields of later versions", () => {
  check(ClusterBinding.schema, binding({ status: { later: true }, later: 1 }));
});

Deno.test("decode() fills defaults in and drops what is unknown, as an API server does", () => {
  const request = decode(APIServiceExportRequest.schema, {
    apiVersion: API_VERSION,
    kind: "APIServiceExportRequest",
    metadata: { name: "widgets", labels: { kept: "true" } },
    spec: { resources: [{ resource: "widgets", permissionClaims: [{ resource: "secrets", version: "v1", x: 1 }] }] },
    status: null,
    evil: true,
  });
  assert.deepEqual(request, {
    apiVersion: API_VERSION,
    kind: "APIServiceExportRequest",
    metadata: { name: "widgets", labels: { kept: "true" } },
    spec: {
      resources: [{
        group: "",
        resource: "widgets",
        permissionClaims: [{
          group: "",
          resource: "secrets",
          version: "v1",
          selector: { names: ["*"], namespaces: ["*"] },
          read: {},
          onConflict: { recreateWhenConsumerSideDeleted: true },
        }],
      }],
    },
    status: { phase: "Pending" },
  });
});

Deno.test("decode() leaves its input alone, and free content as it is", () => {
  const object = parseJson<Record<string, never>>(
    `{"apiVersion":"${API_VERSION}","kind":"APIServiceExportRequest","metadata":{"name":"a"},` +
      `"spec":{"parameters":{"size":9007199254740993,"__proto__":{"evil":1}},"resources":[{"resource":"widgets"}]}}`,
  );
  const before = JSON.stringify(object);
  const { spec } = decode(APIServiceExportRequest.schema, object);
  assert.equal(JSON.stringify(object), before);
  assert.equal(JSON.stringify(spec.parameters), '{"size":9007199254740993,"__proto__":{"evil":1}}');
  assert.equal(({} as Record<string, unknown>).evil, undefined);
});

Deno.test("decode() and check() never throw anything but InvalidObjectError", () => {
  const schemas = [APIServiceBinding.schema, ClusterBinding.schema, BindingProvider, BindingResponse];
  fc.assert(fc.property(fc.constantFrom(...schemas), fc.anything({ withNullPrototype: true }), (schema, value) => {
    const actions: ((schema: typeof BindingProvider, value: unknown) => unknown)[] = [decode, check];
    for (const action of actions) {
      try {
        action(schema as typeof BindingProvider, value);
      } catch (error) {
        assert.ok(error instanceof InvalidObjectError, error as Error);
      }
    }
  }));
});

const PROVIDER = {
  kind: "BindingProvider",
  apiVersion: "v1alpha1",
  providerPrettyName: "example-backend",
  version: "v1.4.0",
  authenticationMethods: [{
    method: "OAuth2CodeGrant",
    oauth2CodeGrant: { authenticatedURL: "http://provider.example.com/authorize" },
  }],
};
const RESPONSE = {
  kind: "BindingResponse",
  apiVersion: API_VERSION,
  authentication: { oauth2CodeGrant: { sid: "a1B2c3", id: "https://issuer.example.com/alice" } },
  kubeconfig: "YXBpVmVyc2lvbjogdjEK",
  requests: [{
    kind: "APIServiceExportRequest",
    apiVersion: API_VERSION,
    metadata: { name: "widgets.example.com" },
    spec: { resources: [{ group: "example.com", resource: "widgets" }] },
    status: {},
  }],
};

Deno.test("decodeJson() reads what backends send, the null times of Go included", () => {
  assert.deepEqual(decodeJson(BindingProvider, JSON.stringify(PROVIDER)), PROVIDER);
  const sent = structuredClone(RESPONSE);
  Object.assign(sent.requests[0]!.metadata, { creationTimestamp: null });
  assert.deepEqual(decodeJson(BindingResponse, JSON.stringify(sent)), RESPONSE);
});

Deno.test("decodeJson() takes methods to log in that are not known yet", () => {
  const methods = [{ method: "Later", later: { setting: 1 } }, ...PROVIDER.authenticationMethods];
  const { authenticationMethods } = decodeJson(
    BindingProvider,
    JSON.stringify({ ...PROVIDER, authenticationMethods: methods }),
  );
  assert.deepEqual(authenticationMethods.map(({ method }) => method), ["Later", "OAuth2CodeGrant"]);
});

const withRequest = (change: object) =>
  JSON.stringify({ ...RESPONSE, requests: [{ ...RESPONSE.requests[0], ...change }] });
const hostile: [about: string, schema: typeof BindingProvider | typeof BindingResponse, text: string, said: RegExp][] =
  [
    [
      "a page of HTML",
      BindingProvider,
      "<!doctype html><h1>502</h1>",
      /^Cannot read BindingProvider: not a JSON document$/,
    ],
    ["nothing", BindingProvider, "", /not a JSON document/],
    ["too much", BindingProvider, JSON.stringify("x".repeat(5_000_000)), /longer than/],
    ["a JSON document that is something else", BindingProvider, '"hello"', /it must be object/],
    [
      "deep nesting",
      BindingResponse,
      `${"[".repeat(200_000)}${"]".repeat(200_000)}`,
      /Cannot (read|use) BindingResponse/,
    ],
    ["no way to log in", BindingProvider, JSON.stringify({ ...PROVIDER, authenticationMethods: [] }), /authentication/],
    [
      "the version with a group",
      BindingProvider,
      JSON.stringify({ ...PROVIDER, apiVersion: API_VERSION }),
      /apiVersion/,
    ],
    [
      "a kubeconfig that is no base64",
      BindingResponse,
      JSON.stringify({ ...RESPONSE, kubeconfig: "a: b" }),
      /kubeconfig/,
    ],
    ["no request", BindingResponse, JSON.stringify({ ...RESPONSE, requests: [] }), /requests/],
    ["a request of another kind", BindingResponse, withRequest({ kind: "Secret" }), /requests\[0\]\.kind/],
    ["a name with a path", BindingResponse, withRequest({ metadata: { name: "../../secrets/x" } }), /metadata\.name/],
    [
      "a resource with a path",
      BindingResponse,
      withRequest({ spec: { resources: [{ resource: "../pods" }] } }),
      /requests\[0\]\.spec\.resources\[0\]\.resource/,
    ],
    ["a prototype", BindingResponse, '{"__proto__":{"kind":"BindingResponse"}}', /kind is missing/],
  ];
for (const [about, schema, text, said] of hostile) {
  Deno.test(`decodeJson() refuses ${about}`, () => {
    assert.match(refusal(() => decodeJson(schema as typeof BindingProvider, text)), said);
  });
}

Deno.test("decodeJson() never repeats the text it could not read", () => {
  const message = refusal(() => decodeJson(BindingResponse, '{"kubeconfig": "dG9wIHNlY3JldA==", '));
  assert.ok(!message.includes("dG9w"), message);
});
