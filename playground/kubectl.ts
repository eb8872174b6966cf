import { dirname, join } from "node:path";

export interface KubectlOptions {
  /** What it reads with `-f -`. */
  stdin?: string;
  signal?: AbortSignal;
}

export interface KubectlResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs kubectl to its end; an exit code other than 0 is an answer, not an exception. */
export async function runKubectl(
  kubectl: readonly string[],
  kubeconfigPath: string,
  args: readonly string[],
  { stdin, signal }: KubectlOptions = {},
): Promise<KubectlResult> {
  const [program, ...first] = kubectl;
  if (!program) throw new TypeError("Cannot run kubectl: empty command");
  const child = new Deno.Command(program, {
    args: [...first, ...args],
    env: {
      KUBECONFIG: kubeconfigPath,
      // What it remembers of a server goes by host and port, and ports come back for other servers.
      KUBECACHEDIR: join(dirname(kubeconfigPath), "kubectl-cache"),
    },
    stdin: stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
    signal,
  }).spawn();
  const output = child.output();
  if (stdin !== undefined) {
    const writer = child.stdin.getWriter();
    // kubectl may end without reading everything; its own message says why.
    await writer.write(new TextEncoder().encode(stdin)).then(() => writer.close()).catch(() => {});
  }
  const { code, stdout, stderr } = await output;
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}
