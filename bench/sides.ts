import { KLUTCH_NAMESPACE } from "../crds/names.ts";
import type { Api } from "../kube/api.ts";
import { KubeClient } from "../kube/client.ts";
import { staticConfig } from "../kube/kubeconfig.ts";
import type { ControlPlaneBinaries } from "../playground/binaries.ts";
import { ControlPlane } from "../playground/control_plane.ts";
import { makeAccount } from "./account.ts";
import { DATABASES } from "./bench_api.ts";
import { CLUSTER_NAMESPACE, makeNamespace, mappedNamespace } from "./offer.ts";

/** One cluster, as the measures use it. */
export interface Side {
  plane: ControlPlane;
  /** As cluster administrator, for setting things up. */
  admin: KubeClient;
  /** Of the account with which a konnector comes. */
  token: string;
  /** Where the objects are. */
  namespace: string;
  /** The bound API as its user on the consumer, or its operator on the provider, speaks to it. */
  people: Api;
  /** The same as a konnector would, for ceilings. */
  agent: Api;
  /** The same as somebody who only watches, for the stop-watch. */
  witness: Api;
}

export interface Sides {
  consumer: Side;
  provider: Side;
}

const NAMESPACE = "team";

/** Starts two control planes, with the namespaces and accounts that konnectors expect; all is stopped with `stack`. */
export async function openSides(
  stack: AsyncDisposableStack,
  { binaries, say }: { binaries: ControlPlaneBinaries; say: (line: string) => void },
  signal: AbortSignal,
): Promise<Sides> {
  const open = async (name: string, home: string, namespace: string): Promise<Side> => {
    const progress = (line: string) => say(`  ${line}`);
    const plane = stack.use(await ControlPlane.start({ name, binaries, progress }, signal));
    const connect = (config = plane.config) => stack.use(new KubeClient(config, { side: name }));
    const admin = connect();
    await makeNamespace(admin, home, signal);
    const token = await makeAccount(admin, { namespace: home, name: "bench-konnector" }, signal);
    const asAgent = connect(staticConfig({ server: plane.server, caData: plane.caData, token }));
    return {
      plane,
      admin,
      token,
      namespace,
      people: connect().api(DATABASES),
      agent: asAgent.api(DATABASES),
      witness: connect().api(DATABASES),
    };
  };
  // Both are awaited even if one fails, so that nothing starts after the stack is gone.
  const [consumer, provider] = await Promise.allSettled([
    open("consumer", KLUTCH_NAMESPACE, NAMESPACE),
    open("provider", CLUSTER_NAMESPACE, mappedNamespace(NAMESPACE)),
  ]);
  if (consumer.status === "rejected") throw consumer.reason;
  if (provider.status === "rejected") throw provider.reason;
  await makeNamespace(consumer.value.admin, NAMESPACE, signal);
  return { consumer: consumer.value, provider: provider.value };
}
