import { deepEqual, equal, throws } from "node:assert/strict";
import { KONNECTOR_IMAGE } from "../crds/names.ts";
import { type KonnectorChoice, type KonnectorPlan, planKonnector } from "./deploy_konnector.ts";
import { DEFAULT_KONNECTOR_IMAGE, konnectorManifests } from "./konnector/manifests.ts";

const asUsual: KonnectorChoice = { skip: false, downgrade: false };
const current = DEFAULT_KONNECTOR_IMAGE;
const at = (tag: string) => `${KONNECTOR_IMAGE}:${tag}`;
const nothing: KonnectorPlan = {};

const cases: [name: string, choice: KonnectorChoice, installed: string | undefined, want: KonnectorPlan][] = [
  ["installs where there is none", asUsual, undefined, {
    image: current,
    message: "🚀 Deploying konnector v1.4.0 to namespace klutch-bind.",
  }],
  ["leaves an equal one alone", asUsual, current, nothing],
  ["updates an older one", asUsual, at("v1.3.9"), {
    image: current,
    message: "🚀 Updating konnector from v1.3.9 to v1.4.0.",
  }],
  ["updates a release candidate", asUsual, at("v1.4.0-rc.1"), {
    image: current,
    message: "🚀 Updating konnector from v1.4.0-rc.1 to v1.4.0.",
  }],
  ["leaves a newer one alone and says how to change that", asUsual, at("v1.5.0"), {
    message: "⚠️ Newer konnector v1.5.0 installed. To downgrade to v1.4.0 use --downgrade-konnector.",
  }],
  ["replaces a newer one on demand", { ...asUsual, downgrade: true }, at("v1.5.0"), {
    image: current,
    message: "🚀 Updating konnector from v1.5.0 to v1.4.0.",
  }],
  ["leaves an equal one alone on demand, too", { ...asUsual, downgrade: true }, current, nothing],
  ["leaves another image alone", asUsual, "registry.example/klutch:v0.1.0", {
    message: "ℹ️ konnector of unknown version already installed, skipping",
  }],
  ["leaves an image without a tag alone", asUsual, KONNECTOR_IMAGE, {
    message: "ℹ️ konnector of unknown version already installed, skipping",
  }],
  ["leaves an image by digest alone", asUsual, `${KONNECTOR_IMAGE}@sha256:abc`, {
    message: "ℹ️ konnector of unknown version already installed, skipping",
  }],
  ["reads the tag beside a digest", asUsual, `${current}@sha256:abc`, nothing],
  ["leaves latest alone", asUsual, at("latest"), {
    message: "ℹ️ konnector of latest version already installed, skipping",
  }],
  ["skips on demand", { ...asUsual, skip: true }, undefined, nothing],
  ["skips an older one on demand", { ...asUsual, skip: true }, at("v1.0.0"), nothing],
  ["installs a given image whatever runs", { ...asUsual, image: "mine:1" }, at("v1.5.0"), {
    image: "mine:1",
    message: '🚀 Deploying konnector to namespace klutch-bind with custom image "mine:1".',
  }],
  ["installs a given image even when told to skip", { ...asUsual, skip: true, image: "mine:1" }, undefined, {
    image: "mine:1",
    message: '🚀 Deploying konnector to namespace klutch-bind with custom image "mine:1".',
  }],
];
for (const [name, choice, installed, want] of cases) {
  Deno.test(`planKonnector() ${name}`, () => deepEqual(planKonnector(choice, installed), want));
}

Deno.test("planKonnector() does not guess about a tag that is no version", () => {
  throws(() => planKonnector(asUsual, at("main-2026")), /failed to parse konnector SemVer version "main-2026"/);
});

Deno.test("konnectorManifests() come in an order in which they can be applied, with the given image", () => {
  const manifests = konnectorManifests("mine:1");
  deepEqual(manifests.map(({ object }) => object.kind), [
    "Namespace",
    "ClusterRole",
    "ClusterRoleBinding",
    "ServiceAccount",
    "PodDisruptionBudget",
    "NetworkPolicy",
    "Deployment",
  ]);
  const { spec } = manifests.at(-1)!.object as unknown as {
    spec: { template: { spec: { containers: { image: string; securityContext: object }[] } } };
  };
  const [container, ...others] = spec.template.spec.containers;
  equal(container!.image, "mine:1");
  equal(others.length, 0);
  deepEqual(container!.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  });
});
