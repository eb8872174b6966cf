import type { APIServiceBinding } from "../../crds/api_service_binding.ts";
import type { KubeClient } from "../../kube/client.ts";
import { type BindingApi, findBindingApi } from "../api_service_binding.ts";
import { type BindingView, diagnoseBinding } from "./binding.ts";
import { type KonnectorView, lookForKonnector } from "./konnector.ts";
import { Providers } from "./provider.ts";

/** What is bound in one app cluster, and by whom it is kept in sync. */
export interface Landscape extends Disposable {
  appCluster: KubeClient;
  /** Absent when the cluster knows no bindings. */
  bindingApi?: BindingApi;
  bindings: APIServiceBinding[];
  konnector: KonnectorView;
  /** The binding with what it depends on; the provider is asked once for all bindings of its Secret. */
  look(binding: APIServiceBinding, signal: AbortSignal): Promise<BindingView>;
}

/** Looks at the app cluster; at providers only when a binding of theirs is looked at. */
export async function openLandscape(
  appCluster: KubeClient,
  { userAgent }: { userAgent: string },
  signal: AbortSignal,
): Promise<Landscape> {
  const [{ time = new Date() }, bindingApi] = await Promise.all([
    appCluster.serverInfo(signal),
    findBindingApi(appCluster, signal),
  ]);
  const [konnector, list] = await Promise.all([
    lookForKonnector(appCluster, time, signal),
    bindingApi?.list({}, signal),
  ]);
  const providers = new Providers(appCluster, userAgent);
  return {
    appCluster,
    bindingApi,
    konnector,
    bindings: (list?.items ?? []).filter(({ spec }) => spec !== undefined),
    look: async (binding, signal) => diagnoseBinding(binding, konnector, await providers.of(binding, signal)),
    [Symbol.dispose]: () => providers[Symbol.dispose](),
  };
}
