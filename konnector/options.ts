import { Command } from "commander";
import { KONNECTOR_LEASE, KUBECONFIG, LEASE_FALLBACK_NAMESPACE } from "../crds/names.ts";
import { flagsOf } from "../command_line.ts";
import { createLog } from "../kube/log.ts";
import { addLogFlags, readLogFlags } from "../log_flags.ts";
import { type ProgramContext, UsageError } from "../program.ts";

export interface KonnectorOptions {
  kubeconfig?: string;
  context?: string;
  /** Runs beside the control plane and reaches out to one app cluster, whose kubeconfig is in a Secret there. */
  controlPlane?: {
    secret: { namespace: string; name: string; key: string };
    bindingNamespace: string;
  };
  lease: { namespace: string; name: string; identity: string };
  /** `host:port`, `:port` for all interfaces. */
  healthAddress: string;
  /** Objects of one API that are worked on at the same time. */
  workers: number;
  /**
   * Requests per second to each cluster; as many as it takes otherwise. In control-plane mode those about bindings and
   * those about exports and objects count apart, although they go to one cluster.
   */
  qps?: number;
}

interface Flags {
  kubeconfig?: string;
  context?: string;
  controlPlaneMode: boolean;
  appClusterKubeconfigSecretName?: string;
  appClusterKubeconfigSecretNamespace?: string;
  appClusterKubeconfigSecretKey: string;
  bindingRootNamespace?: string;
  leaseName: string;
  leaseNamespace?: string;
  healthAddress: string;
  workers: string;
  qps?: string;
}

/** `klutch konnector` */
export function konnectorCommand(context: ProgramContext): Command {
  const command = new Command("konnector")
    .summary("sync bound APIs between this app cluster and its providers")
    .description(
      "Runs in an app cluster, or in control-plane mode beside the control plane. For every APIServiceBinding it installs the bound CRD, then keeps the objects in sync " +
        "with the provider: spec up, status down, deletion in order. Two replicas may run; one of them works.",
    )
    .option(
      "--kubeconfig <file>",
      "cluster to run in; the pod's service account, KUBECONFIG or ~/.kube/config otherwise",
    )
    .option("--context <name>", "context of that kubeconfig")
    .option("--health-address <address>", "listen here for /healthz, /readyz and /metrics", ":8080")
    .option("--workers <number>", "objects of one API worked on at the same time", "24")
    .option(
      "--qps <number>",
      "requests per second to each cluster at most (default: what the servers' flow control admits)",
    )
    .option("--lease-name <name>", "Lease by which replicas agree on the one that works", KONNECTOR_LEASE)
    .option(
      "--lease-namespace <namespace>",
      `namespace of that Lease (default: $POD_NAMESPACE, else ${LEASE_FALLBACK_NAMESPACE})`,
    )
    .option(
      "--control-plane-mode",
      "run beside the control plane, for an app cluster that does not reach out itself",
      false,
    )
    .option("--app-cluster-kubeconfig-secret-name <name>", "Secret with the app cluster's kubeconfig")
    .option("--app-cluster-kubeconfig-secret-namespace <namespace>", "namespace of that Secret")
    .option("--app-cluster-kubeconfig-secret-key <key>", "key in that Secret", KUBECONFIG)
    .option("--binding-root-namespace <namespace>", "namespace that holds bindings and exports of that app cluster");
  addLogFlags(command);
  return command.action(async () => {
    const options = readOptions(flagsOf<Flags>(command), context.env);
    const log = createLog({ ...readLogFlags(command), write: (line) => context.writeError(line + "\n") });
    const { runKonnector } = await import("./run.ts");
    await runKonnector(options, { log, env: context.env, version: context.version }, context.signal);
  });
}

/** @throws {UsageError} naming the flag */
export function readOptions(flags: Flags, env: ProgramContext["env"]): KonnectorOptions {
  const workers = Number(flags.workers);
  if (!Number.isInteger(workers) || workers < 1 || workers > 1000) {
    throw new UsageError(`invalid value '${flags.workers}' for '--workers': it is a number from 1 to 1000`);
  }
  const qps = flags.qps === undefined ? undefined : Number(flags.qps);
  if (qps !== undefined && !(qps > 0 && qps <= 100_000)) {
    throw new UsageError(`invalid value '${flags.qps}' for '--qps': it is a number above 0, up to 100000`);
  }
  return {
    kubeconfig: flags.kubeconfig,
    context: flags.context,
    controlPlane: flags.controlPlaneMode ? readControlPlane(flags) : undefined,
    lease: {
      name: flags.leaseName,
      namespace: flags.leaseNamespace ?? env.POD_NAMESPACE ?? LEASE_FALLBACK_NAMESPACE,
      identity: env.POD_NAME ?? crypto.randomUUID(),
    },
    healthAddress: flags.healthAddress,
    workers,
    qps,
  };
}

function readControlPlane(flags: Flags): KonnectorOptions["controlPlane"] {
  const {
    appClusterKubeconfigSecretName: name,
    appClusterKubeconfigSecretNamespace: namespace,
    appClusterKubeconfigSecretKey: key,
    bindingRootNamespace: bindingNamespace,
  } = flags;
  if (!name) throw needed("--app-cluster-kubeconfig-secret-name");
  if (!namespace) throw needed("--app-cluster-kubeconfig-secret-namespace");
  if (!key) throw needed("--app-cluster-kubeconfig-secret-key");
  if (!bindingNamespace) throw needed("--binding-root-namespace");
  return { secret: { namespace, name, key }, bindingNamespace };
}

const needed = (flag: string) => new UsageError(`'${flag}' is needed with '--control-plane-mode'`);
