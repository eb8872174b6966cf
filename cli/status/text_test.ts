import assert from "node:assert/strict";
import { fails } from "../../crds/reasons.ts";
import { ofCondition, passed, stopped } from "../diagnosis/finding.ts";
import { createStyle } from "../style.ts";
import type { Status } from "./report.ts";
import { formatStatus } from "./text.ts";

const isTerminal = { stdin: true, stdout: true, stderr: true };
const plain = createStyle({ env: { NO_COLOR: "1" }, isTerminal });

const what = 'Secret "klutch-bind/kubeconfig-x" does not exist';
const secretGone = ofCondition(
  "APIServiceBinding",
  fails("APIServiceBinding", "SecretValid", "KubeconfigSecretNotFound", what),
  "Secret",
);
const working = { verdict: "OK" as const, provider: "Mango Inc.", claimedObjects: 2, findings: [] };

const status = (...bindings: Status["bindings"]): Status => ({
  verdict: bindings[0]?.verdict ?? "OK",
  konnector: passed("Konnector", "runs"),
  bindings,
});

Deno.test("formatStatus() lays out what is bound, and says each cause once", () => {
  const broken = { verdict: "FAIL" as const, claimedObjects: 0, findings: [secretGone] };
  const text = formatStatus(
    status(
      { name: "a.example.com", ...broken },
      { name: "b.example.com", ...broken },
      { name: "mangodbs.mangodb.com", objects: 12, konnectorVersion: "v0.1.0", heartbeatAgeSeconds: 150, ...working },
    ),
    plain,
  );
  assert.equal(
    text,
    `HEALTH   NAME                   PROVIDER     OBJECTS   CLAIMED   KONNECTOR   HEARTBEAT
FAIL     a.example.com          -            -         0         -           -
FAIL     b.example.com          -            -         0         -           -
OK       mangodbs.mangodb.com   Mango Inc.   12        2         v0.1.0      2m

FAIL  a.example.com, b.example.com: KubeconfigSecretNotFound: ${what}
      → Run \`kubectl klutch bind\` again with the provider's URL: the Secret with its kubeconfig is gone
`,
  );
});

Deno.test("formatStatus() blames the konnector, and not what is bound, for what is the konnector's", () => {
  const gone = stopped("Konnector", "KonnectorStopped", "Nobody holds the Lease");
  const binding = { name: "a.example.com", verdict: "FAIL" as const, claimedObjects: 0, findings: [gone] };
  const text = formatStatus({ ...status(binding), konnector: gone }, plain);
  assert.match(text, /\nFAIL {2}konnector: KonnectorStopped: Nobody holds the Lease\n {6}→ Start it again/);
});

Deno.test("verdicts are coloured on a terminal only, and the columns stay in line", () => {
  const one = status({ name: "a.example.com", ...working });
  const coloured = formatStatus(one, createStyle({ env: {}, isTerminal }));
  const [, row] = coloured.split("\n");
  assert.ok(row?.startsWith("\x1b[32mOK\x1b[0m       a.example.com "), row);
  for (const env of [{ NO_COLOR: "1" }, { TERM: "dumb" }]) {
    assert.ok(!formatStatus(one, createStyle({ env, isTerminal })).includes("\x1b"));
  }
  const piped = createStyle({ env: {}, isTerminal: { ...isTerminal, stdout: false } });
  assert.ok(!formatStatus(one, piped).includes("\x1b"));
});

Deno.test("formatStatus() tells an empty namespace from an empty cluster", () => {
  assert.match(formatStatus(status(), plain), /^Nothing is bound in this cluster/);
  assert.match(formatStatus({ ...status(), namespace: "shop" }, plain), /^No binding is in namespace "shop"/);
});
