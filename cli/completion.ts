import type { ProgramContext } from "../program.ts";
import { type AppClusterFlags, openAppCluster } from "./app_cluster.ts";
import { findBindingApi } from "./api_service_binding.ts";

/** Names of bindings, which are those of bound APIs, too. */
export async function bindingNames(context: ProgramContext, flags: AppClusterFlags): Promise<string[]> {
  using appCluster = await openAppCluster(flags, context);
  const bindings = await (await findBindingApi(appCluster, context.signal))?.list({}, context.signal);
  return (bindings?.items ?? []).map(({ metadata }) => metadata.name);
}
