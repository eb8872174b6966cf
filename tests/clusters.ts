import { env } from "node:process";
import { type ClusterConfig, loadKubeconfig } from "../kube/kubeconfig.ts";
import { KubeClient } from "../kube/client.ts";
import { messageOf } from "../kube/errors.ts";
import { NAMESPACES } from "../kube/resources.ts";
import { findBinaries } from "../playground/binaries.ts";
import { type KubectlOptions, type KubectlResult, runKubectl } from "../playground/kubectl.ts";

/** One of the two real clusters that `tests/run.ts` starts; all tests share them, isolated by namespace and API group. */
export interface TestCluster extends Disposable {
  side: "provider" | "consumer";
  /** As cluster administrator; closed with the cluster. */
  client: KubeClient;
  config: ClusterConfig;
  kubeconfigPath: string;
  kubectl(args: readonly string[], options?: KubectlOptions): Promise<KubectlResult>;
  /** A namespace of its own, e.g. `orders-1f2e3d4c`; deleted at dispose without waiting for its end. */
  namespace(prefix: string): Promise<AsyncDisposable & { name: string }>;
}

/** `using cluster = await provider()`: the control plane cluster. */
export const provider = (): Promise<TestCluster> => connect("provider", "KLUTCH_TEST_PROVIDER");

/** `using cluster = await consumer()`: the app cluster. */
export const consumer = (): Promise<TestCluster> => connect("consumer", "KLUTCH_TEST_CONSUMER");

/** Path of the compiled executable under test. */
export const klutchBinary = (): string => required("KLUTCH_BINARY");

/** `prefix-` and eight random hexadecimal digits: good as a name, in a DNS label and in an API group. */
export const uniqueName = (prefix: string): string => `${prefix}-${crypto.randomUUID().slice(0, 8)}`;

/** For calls in tests that should fail rather than hang. */
export const within = (ms: number): AbortSignal => AbortSignal.timeout(ms);

/**
 * Asks until the answer is neither `undefined` nor `false`; exceptions count as "not yet". Machines that run tests may
 * be slow: a shorter time than by default is for what has to happen within that time.
 *
 * @param what said in the error, e.g. `"the instance appears on the provider"`
 * @throws {Error} after `timeoutMs`, with the last exception as its cause
 */
export async function eventually<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  { timeoutMs = 60_000, everyMs = 50 }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<T> {
  const end = performance.now() + timeoutMs;
  while (true) {
    let cause: unknown;
    try {
      const answer = await probe();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > end) {
      const reason = cause === undefined ? "" : ` (${messageOf(cause)})`;
      throw new Error(`Not within ${timeoutMs / 1000} s: ${what}${reason}`, { cause });
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

async function connect(side: TestCluster["side"], variable: string): Promise<TestCluster> {
  const kubeconfigPath = required(variable);
  const config = await loadKubeconfig({ path: kubeconfigPath, env });
  const client = new KubeClient(config, { side });
  return {
    side,
    client,
    config,
    kubeconfigPath,
    async kubectl(args, options) {
      const { kubectl } = await findBinaries({ env }, AbortSignal.timeout(30_000));
      return await runKubectl(kubectl, kubeconfigPath, args, options);
    },
    async namespace(prefix) {
      const name = uniqueName(prefix);
      const namespaces = client.api(NAMESPACES);
      await namespaces.create({ apiVersion: "v1", kind: "Namespace", metadata: { name } }, within(10_000));
      return { name, [Symbol.asyncDispose]: () => namespaces.delete({ name }, {}, within(10_000)) };
    },
    [Symbol.dispose]: () => client.close(),
  };
}

function required(variable: string): string {
  const value = env[variable];
  if (value) return value;
  throw new Error(
    `${variable} is not set: this test needs what \`deno task test\` prepares; ` +
      `run \`deno task test <path of the test>\``,
  );
}
