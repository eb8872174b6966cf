import assert from "node:assert/strict";
import { adviceOn, fails, holds } from "./reasons.ts";

Deno.test("fails() says what happened and what to do, with the severity of the reason", () => {
  assert.deepEqual(
    fails("ClusterBinding", "Healthy", "HeartbeatTimeout", "Last heartbeat 12 min ago, promised every 5 min"),
    {
      type: "Healthy",
      status: "False",
      severity: "Error",
      reason: "HeartbeatTimeout",
      message: "Last heartbeat 12 min ago, promised every 5 min. " +
        "Check the konnector on the app cluster, and that it reaches this cluster.",
    },
  );
});

Deno.test("holds() clears reason and severity", () => {
  assert.deepEqual(holds("APIServiceBinding", "Connected"), { type: "Connected", status: "True" });
});

Deno.test("adviceOn() knows our reasons and no others", () => {
  assert.match(adviceOn("APIServiceBinding", "SecretValid", "KubeconfigSecretInvalid")!, /bind/);
  assert.equal(adviceOn("APIServiceBinding", "SecretValid", "constructor"), undefined);
  assert.equal(adviceOn("Pod", "Ready", "Unknown"), undefined);
});

Deno.test("Kinds, condition types and reasons fit together at compile time", () => {
  // @ts-expect-error a reason of another condition
  assert.throws(() => fails("ClusterBinding", "Healthy", "ParseError", ""));
  // @ts-expect-error a condition of another kind
  holds("ClusterBinding", "Connected");
});
