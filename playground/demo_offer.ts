import { applyFile, runService, type Stage } from "./demo_stage.ts";

/** The platform team's part. @returns the URL that it gives to app teams */
export async function offerApi(stage: Stage): Promise<string> {
  const { screen, provider } = stage;
  screen.say("Its own API, like any CRD; the backend, where app teams log in; and a template, which puts it on offer.");
  await applyFile(stage, provider, "postgresqlinstances.yaml");
  screen.command("klutch backend --oidc-embedded", provider.title);
  const flags = ["--oidc-embedded", "--pretty-name", "Klutch demo", "--kubeconfig", provider.kubeconfigPath];
  const { started } = await runService(stage, {
    name: "backend",
    args: ["--listen-address", "127.0.0.1:0", ...flags],
    again: ({ started }) => ["--listen-address", new URL(String(started.address)).host, ...flags],
  });
  await applyFile(stage, provider, "template.yaml");
  const exportUrl = `${started.address}/export`;
  screen.done(`on offer at ${exportUrl}`);
  return exportUrl;
}
