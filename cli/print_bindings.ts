import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import type { KubeClient } from "../kube/client.ts";
import { type Secret, SECRETS } from "../kube/resources.ts";
import { formatBindings, type Output, writeSecretFile } from "./output.ts";
import type { Terminal } from "./terminal.ts";

/** Prints what is bound now, and writes the Secret that it depends on into a file of its own, if that is wanted. */
export async function printBindings(
  bindings: readonly APIServiceBinding[],
  { output, secretFile }: { output?: Output; secretFile?: string },
  { appCluster, terminal }: { appCluster: KubeClient; terminal: Terminal },
  signal: AbortSignal,
): Promise<void> {
  const ref = bindings[0]?.spec.kubeconfigSecretRef;
  if (secretFile && ref) {
    await writeSecretFile(secretFile, await appCluster.api<Secret>(SECRETS).get(ref, signal));
    terminal.say(
      `🔒 Wrote Secret ${ref.namespace}/${ref.name} to ${secretFile}: keep it out of version control as it is.`,
    );
  }
  terminal.print(await formatBindings(appCluster, bindings, output, signal));
}
