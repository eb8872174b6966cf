import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { buildKlutch } from "../build/klutch.ts";
import { ConfigError, messageOf } from "../kube/errors.ts";
import { reachLoopbackDirectly } from "../loopback.ts";
import { findBinaries } from "../playground/binaries.ts";
import { ControlPlane } from "../playground/control_plane.ts";
import { findCrossplane } from "../playground/crossplane_program.ts";
import { findKeycloak } from "../playground/keycloak_program.ts";
import { readSummary } from "./summary.ts";

// deno task test [paths, filters and other arguments of `deno test`]
const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const progress = (line: string) => console.error(line);

const SUMMARY_CHARACTERS = 4096;

/** Prepares what the tests of API servers and of the executable need, runs them all, and tells their exit code. */
async function runTests(args: readonly string[], signal: AbortSignal): Promise<number> {
  const env = Deno.env.toObject();
  const binaries = await findBinaries({ env, progress }, signal);
  const executable = await buildKlutch({ env, progress }, signal);
  const extras = await findExtras(args, env, signal);

  await using stack = new AsyncDisposableStack();
  const start = async (name: string) => stack.use(await ControlPlane.start({ name, binaries, progress }, signal));
  const [provider, consumer] = await Promise.all([start("provider"), start("consumer")]);

  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "--allow-all", "--no-check", ...args],
    cwd: ROOT,
    env: {
      KLUTCH_TEST_PROVIDER: provider.kubeconfigPath,
      KLUTCH_TEST_CONSUMER: consumer.kubeconfigPath,
      KLUTCH_BINARY: executable,
      ...extras.found,
      // A test that forgets to name its cluster must not find the developer's own.
      KUBECONFIG: join(dirname(provider.kubeconfigPath), "no-kubeconfig-in-tests"),
      ...(Deno.stdout.isTerminal() ? { FORCE_COLOR: "1" } : {}), // its stdout goes through our hands
    },
    stdin: "null",
    stdout: "piped",
    signal,
  }).spawn();
  const [output, { code }] = await Promise.all([passOn(child.stdout), child.status]);
  signal.throwIfAborted();

  const summary = readSummary(output);
  if (summary) {
    const { passed, failed, skipped } = summary;
    const whatIsSkipped = skipped === 0
      ? ""
      : `, ${skipped} skipped: there is no ${extras.missing.join(" and no ")} here, see above`;
    console.log(`${passed} passed, ${failed} failed${whatIsSkipped}`);
  }
  return code;
}

/** Programs that may be missing: the tests that need one are skipped then, and counted as such. */
const EXTRAS = [
  {
    name: "Crossplane",
    variable: "KLUTCH_TEST_CROSSPLANE",
    find: findCrossplane,
    tests: ["tests/e2e/crossplane_test.ts", "playground/demo_test.ts"],
  },
  { name: "Keycloak", variable: "KLUTCH_TEST_KEYCLOAK", find: findKeycloak, tests: ["tests/e2e/keycloak_test.ts"] },
];

/** Whether `deno test` with these arguments comes to a file; a flag is no path. */
function isAsked(file: string, args: readonly string[]): boolean {
  const paths = args.filter((arg) => !arg.startsWith("-")).map((arg) => relative(ROOT, resolve(ROOT, arg)));
  return paths.length === 0 || paths.some((path) => path === "" || file === path || file.startsWith(`${path}/`));
}

async function findExtras(args: readonly string[], env: Record<string, string>, signal: AbortSignal) {
  const found: Record<string, string> = {};
  const missing: string[] = [];
  for (const { name, variable, find, tests } of EXTRAS) {
    if (!tests.some((file) => isAsked(file, args))) continue;
    try {
      found[variable] = await find({ env, progress }, signal);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      progress(`${error.message}\nWhat needs ${name} is skipped.`);
      missing.push(name);
    }
  }
  return { found, missing };
}

/** Prints what comes, as it comes, and returns its end. */
async function passOn(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  const decoder = new TextDecoder();
  let end = "";
  for await (const chunk of stream) {
    await writeAll(chunk);
    end = (end + decoder.decode(chunk, { stream: true })).slice(-SUMMARY_CHARACTERS);
  }
  return end;
}

async function writeAll(bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) written += await Deno.stdout.write(bytes.subarray(written));
}

reachLoopbackDirectly(Deno.env);
const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.addSignalListener(name, () => stop.abort(new DOMException("Interrupted", "AbortError")));
}
try {
  Deno.exit(await runTests(Deno.args, stop.signal));
} catch (error) {
  console.error(stop.signal.aborted ? "Interrupted" : `Cannot run the tests: ${messageOf(error)}`);
  Deno.exit(stop.signal.aborted ? 130 : 1);
}
