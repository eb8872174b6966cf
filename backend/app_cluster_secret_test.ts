import { doesNotMatch, equal, match } from "node:assert/strict";
import type { Secret } from "../kube/resources.ts";
import { judgeSecret } from "./app_cluster_secret.ts";
import { appClusterBinding } from "./test_objects.ts";
import { toBase64 } from "./tenant_kubeconfig.ts";

const KUBECONFIG = `
apiVersion: v1
kind: Config
clusters: [{ name: a, cluster: { server: "https://app.example.com" } }]
contexts: [{ name: a, context: { cluster: a, user: a } }]
users: [{ name: a, user: { token: s3cret } }]
current-context: a
`;
const secret = (namespace: string, text = KUBECONFIG, usableFrom?: string): Secret => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: {
    namespace,
    name: "app-cluster",
    ...(usableFrom !== undefined && { annotations: { "klutch.anynines.com/usable-from": usableFrom } }),
  },
  data: { kubeconfig: toBase64(text) },
});
const OWN = appClusterBinding("team-a", "orders");
const FOREIGN = appClusterBinding("team-a", "orders", {
  kubeconfigSecretRef: { namespace: "team-b", name: "app-cluster", key: "kubeconfig" },
});

const cases: [name: string, binding: typeof OWN, secret: Secret | undefined, reason: string | undefined][] = [
  ["takes one of its namespace", OWN, secret("team-a"), undefined],
  ["misses one that is not there", OWN, undefined, "KubeconfigSecretNotFound"],
  ["refuses one without the key", OWN, { ...secret("team-a"), data: {} }, "KubeconfigSecretInvalid"],
  [
    "refuses one that is no text",
    OWN,
    { ...secret("team-a"), data: { kubeconfig: "/w==" } },
    "KubeconfigSecretInvalid",
  ],
  ["refuses garbage", OWN, secret("team-a", "{]"), "KubeconfigSecretInvalid"],
  [
    "refuses one that would run a program",
    OWN,
    secret("team-a", KUBECONFIG.replace("token: s3cret", "exec: { command: s3cret }")),
    "KubeconfigSecretInvalid",
  ],
  ["refuses one of another namespace", FOREIGN, secret("team-b"), "KubeconfigSecretNotAllowed"],
  ["does not tell whether that is there", FOREIGN, undefined, "KubeconfigSecretNotAllowed"],
  ["takes one that is for its namespace", FOREIGN, secret("team-b", KUBECONFIG, "team-c, team-a"), undefined],
  ["takes one that is for all", FOREIGN, secret("team-b", KUBECONFIG, "*"), undefined],
  ["refuses one for others", FOREIGN, secret("team-b", KUBECONFIG, "team, team-ab,"), "KubeconfigSecretNotAllowed"],
  ["refuses one for nobody", FOREIGN, secret("team-b", KUBECONFIG, ""), "KubeconfigSecretNotAllowed"],
];
for (const [name, binding, given, reason] of cases) {
  Deno.test(`judgeSecret() ${name}`, () => {
    const { condition, kubeconfig, isAllowed } = judgeSecret(binding, given);
    equal(condition.reason, reason);
    equal(kubeconfig, reason ? undefined : given!.data!.kubeconfig);
    equal(isAllowed, reason !== "KubeconfigSecretNotAllowed");
    match(condition.message ?? 'Secret "', /Secret "/);
    doesNotMatch(condition.message ?? "", /s3cret/);
  });
}
