import { equal } from "node:assert/strict";
import type { Deployment } from "../diagnosis/konnector.ts";
import { isRolledOut } from "./install.ts";

const NOW = { observedGeneration: 2, replicas: 2, updatedReplicas: 2, readyReplicas: 2 };

const cases: [name: string, status: Deployment["status"], want: boolean][] = [
  ["all pods of the new template are ready", NOW, true],
  ["nobody has looked at it", undefined, false],
  ["only the template before this one was looked at", { ...NOW, observedGeneration: 1 }, false],
  ["earlier pods are still the ready ones", { ...NOW, replicas: 3, updatedReplicas: 1 }, false],
  ["an earlier pod is still there", { ...NOW, replicas: 3 }, false],
  ["a new pod does not start", { ...NOW, readyReplicas: 1 }, false],
];
for (const [name, status, want] of cases) {
  Deno.test(`isRolledOut() is ${want} when ${name}`, () => {
    const spec = { replicas: 2, template: { spec: { containers: [] } } };
    const metadata = { name: "konnector", generation: 2 };
    equal(isRolledOut({ apiVersion: "apps/v1", kind: "Deployment", metadata, spec, status }), want);
  });
}
