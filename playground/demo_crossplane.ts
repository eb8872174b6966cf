import { join } from "node:path";
import { startCrossplane } from "./crossplane.ts";
import { findCrossplane } from "./crossplane_program.ts";
import { bind } from "./demo_bind.ts";
import { applyFile, kubectl, type Stage } from "./demo_stage.ts";
import claim from "./manifests/sessions_cache.yaml" with { type: "text" };
import definition from "./manifests/caches.yaml" with { type: "text" };
import template from "./manifests/caches_template.yaml" with { type: "text" };
import withoutTtl from "./manifests/caches_without_ttl.yaml" with { type: "text" };
import withZone from "./manifests/caches_zone.yaml" with { type: "text" };
import { runGuarded } from "./run_guarded.ts";

/** The files a person would apply, by name. */
const MANIFESTS = {
  "caches.yaml": definition,
  "caches-template.yaml": template,
  "sessions-cache.yaml": claim,
  "caches-zone.yaml": withZone,
  "caches-without-ttl.yaml": withoutTtl,
};

const WAIT = ["wait", "--timeout=60s"];

/** The platform team defines a service for Crossplane; an app team orders it; its API changes for good and for bad. */
export async function showCrossplane(stage: Stage, exportUrl: string): Promise<void> {
  const { screen, consumer, provider } = stage;
  await installCrossplane(stage);
  await applyFile(stage, provider, "caches.yaml");
  await kubectl(stage, provider, [...WAIT, "--for=condition=Offered", "xrd/xcaches.service.example.com"]);
  await applyFile(stage, provider, "caches-template.yaml");
  await bind(stage, exportUrl, "caches");
  await applyFile(stage, consumer, "sessions-cache.yaml");
  await kubectl(stage, consumer, [...WAIT, "--for=condition=Synced", "cache/sessions"]);
  screen.done("Crossplane has taken the app team's claim, and said so in the app cluster");

  screen.say("A field more harms nobody, so that it reaches the app cluster by itself.");
  await applyFile(stage, provider, "caches-zone.yaml");
  const zone = "{.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.zone.type}";
  await kubectl(stage, consumer, [...WAIT, `--for=jsonpath=${zone}=string`, "crd/caches.service.example.com"]);
  screen.say("A field less would break what app teams have: it waits until the platform team approves it.");
  await applyFile(stage, provider, "caches-without-ttl.yaml");
  const reason = `{.status.conditions[?(@.type=="SchemaInSync")].reason}`;
  const waiting = [`--for=jsonpath=${reason}=SchemaBlocked`, "apiserviceexporttemplate/caches"];
  await kubectl(stage, provider, [...WAIT, "--namespace=crossplane-system", ...waiting]);
  await showSchemas(stage);
  screen.done("the app cluster keeps the field");
}

async function installCrossplane({ context: { env }, screen, stack, provider, directory, tasks: { signal } }: Stage) {
  for (const [name, text] of Object.entries(MANIFESTS)) await Deno.writeTextFile(join(directory, name), text);
  screen.say("Crossplane makes APIs of definitions. There are no providers here, so that nothing is composed.");
  const startedAt = performance.now();
  await screen.during("looking for Crossplane", async (counter) => {
    const program = await findCrossplane({ env, progress: (line) => screen.say(line), counter }, signal);
    const { client, kubeconfigPath } = provider;
    stack.use(await startCrossplane({ program, client, kubeconfigPath, directory, progress: counter }, signal));
  });
  screen.done("Crossplane runs in the control plane cluster", performance.now() - startedAt);
}

async function showSchemas({ context: { self }, screen, provider, directory, tasks: { signal } }: Stage) {
  screen.command("klutch schema status", provider.title);
  await runGuarded({
    name: "klutch schema status",
    command: [...self, "schema", "status", "--kubeconfig", provider.kubeconfigPath],
    logPath: join(directory, "schema-status.log"),
    onLine: (line) => screen.quote(line),
  }, signal);
}
