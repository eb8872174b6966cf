import { KONNECTOR_ROLE } from "../../crds/names.ts";
import { NAMESPACES, ROLE_BINDINGS, ROLES } from "../../kube/resources.ts";
import type { ProgramContext } from "../../program.ts";
import { type AppClusterFlags, openAppCluster } from "../app_cluster.ts";
import { boundApis } from "./update_rights.ts";
import { konnectorManifests, LABEL_SELECTOR } from "./manifests.ts";

export interface UninstallOptions {
  /** Also while something is bound. */
  isAgreed: boolean;
  appCluster: AppClusterFlags;
}

/** `klutch konnector uninstall`: takes away what install has made, but for the namespace, which holds bindings and Secrets. */
export async function runUninstall({ isAgreed, ...options }: UninstallOptions, context: ProgramContext): Promise<void> {
  const { signal, invokedAs } = context;
  using appCluster = await openAppCluster(options.appCluster, context);
  const bound = (await boundApis(appCluster, signal)).map(({ name }) => name);
  if (bound.length > 0 && !isAgreed) {
    throw new Error(
      `Cannot uninstall: ${bound.join(", ")} would not be synced any more, and objects could not be deleted; ` +
        `use ${invokedAs} unbind first, or say --yes`,
    );
  }
  for (const { resource, object } of konnectorManifests("").toReversed()) {
    if (resource === NAMESPACES) continue;
    await appCluster.api(resource).delete(object.metadata, {}, signal);
  }
  for (const resource of [ROLE_BINDINGS, ROLES]) {
    for (const { metadata } of (await appCluster.api(resource).list({ labelSelector: LABEL_SELECTOR }, signal)).items) {
      if (metadata.name === KONNECTOR_ROLE) await appCluster.api(resource).delete(metadata, {}, signal);
    }
  }
  context.writeError("✅ Uninstalled; the namespace with bindings and Secrets stays.\n");
}
