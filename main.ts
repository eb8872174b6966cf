import process from "node:process";
import { Command } from "commander";
import { COMPLETE, type Invocation, readInvocation, runCommandLine } from "./command_line.ts";
import { examples } from "./help.ts";
import { messageOf } from "./kube/errors.ts";
import { reachLoopbackDirectly } from "./loopback.ts";
import { printableLines } from "./printable.ts";
import { Answer, type CommandFactory, type ProgramContext, UsageError } from "./program.ts";
import { VERSION } from "./version.ts";

interface Subcommand {
  name: string;
  summary: string;
  group: string;
  /** Offered as `kubectl klutch <name>` too, which serves people and not pods. */
  plugin?: true;
  /** Exit code for all that went wrong, of a command whose answer is 0, 1 or 2. */
  troubleCode?: number;
  load(): Promise<CommandFactory>;
}

/** The order is that of the help; nothing here is loaded before it is chosen. */
const SUBCOMMANDS: readonly Subcommand[] = [
  {
    name: "bind",
    summary: "Bind APIs of a provider into your app cluster",
    group: "App cluster:",
    plugin: true,
    load: async () => (await import("./cli/options.ts")).bindCommand,
  },
  {
    name: "apis",
    summary: "List what a provider offers",
    group: "App cluster:",
    plugin: true,
    load: async () => (await import("./cli/apis/options.ts")).apisCommand,
  },
  {
    name: "status",
    summary: "Show what is bound, how it fares, and what to do about it",
    group: "App cluster:",
    plugin: true,
    load: async () => (await import("./cli/status/options.ts")).statusCommand,
  },
  {
    name: "explain",
    summary: "Follow one object and say where it is stopped, and why",
    group: "App cluster:",
    plugin: true,
    load: async () => (await import("./cli/explain/options.ts")).explainCommand,
  },
  {
    name: "diff",
    summary: "Show what the next sync would write, and change nothing",
    group: "App cluster:",
    plugin: true,
    troubleCode: 2,
    load: async () => (await import("./cli/diff/options.ts")).diffCommand,
  },
  {
    name: "check",
    summary: "Look whether both clusters are fit: versions, clocks, rights",
    group: "App cluster:",
    plugin: true,
    load: async () => (await import("./cli/check/options.ts")).checkCommand,
  },
  {
    name: "rbac",
    summary: "Compare the rights of the konnector with what it needs",
    group: "App cluster:",
    plugin: true,
    load: async () => (await import("./cli/rbac/options.ts")).rbacCommand,
  },
  {
    name: "unbind",
    summary: "Stop using an API; with --plan, see what that means",
    group: "App cluster:",
    plugin: true,
    load: async () => (await import("./cli/unbind/options.ts")).unbindCommand,
  },
  {
    name: "konnector",
    summary: "Run the agent that syncs both clusters, or install it",
    group: "App cluster:",
    plugin: true,
    load: async () => {
      const { konnectorCommand } = await import("./konnector/options.ts");
      const { addKonnectorCommands } = await import("./cli/konnector/options.ts");
      // The agent itself runs in pods, which know no plugins.
      return (context) => {
        const isPlugin = context.invokedAs !== "klutch";
        const konnector = isPlugin ? new Command("konnector").usage("<command> [flags]") : konnectorCommand(context);
        return addKonnectorCommands(konnector, context);
      };
    },
  },
  {
    name: "backend",
    summary: "Run the provider's front door: login, catalogue, exports",
    group: "Control plane:",
    load: async () => (await import("./backend/options.ts")).backendCommand,
  },
  {
    name: "schema",
    summary: "Compare versions of an API; see what a change would break",
    group: "Control plane:",
    plugin: true,
    troubleCode: 4,
    load: async () => (await import("./cli/schema/options.ts")).schemaCommand,
  },
  {
    name: "demo",
    summary: "Try it on this machine: two clusters, one bound API",
    group: "More:",
    load: async () => (await import("./playground/demo_options.ts")).demoCommand,
  },
  {
    name: "completion",
    summary: "Print a script that completes all this in your shell",
    group: "More:",
    plugin: true,
    load: async () => (await import("./completion_options.ts")).completionCommand,
  },
  {
    name: "version",
    summary: "Print the version",
    group: "More:",
    plugin: true,
    load: async () => (await import("./version_options.ts")).versionCommand,
  },
];

const encoder = new TextEncoder();

function write(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  try {
    for (let bytes = encoder.encode(text); bytes.length > 0;) bytes = bytes.subarray(stream.writeSync(bytes));
  } catch (error) {
    if (!isReaderGone(error)) throw error; // else there is nobody to tell
  }
}

/** A pipe that nobody reads any more, or a terminal that was closed. */
const isReaderGone = (error: unknown): boolean =>
  error instanceof Deno.errors.BrokenPipe || (error as { code?: string }).code === "EIO";

const writeError = (text: string) => write(Deno.stderr, text);

function createContext(invocation: Invocation, signal: AbortSignal): ProgramContext {
  return {
    env: Deno.env.toObject(),
    self: Deno.build.standalone ? [Deno.execPath()] : [Deno.execPath(), "run", "-A", import.meta.filename!],
    invokedAs: invocation.invokedAs,
    version: VERSION,
    writeOut: (text) => write(Deno.stdout, text),
    writeError,
    get stdin() {
      return Deno.stdin.readable;
    },
    isTerminal: {
      stdin: Deno.stdin.isTerminal(),
      stdout: Deno.stdout.isTerminal(),
      stderr: Deno.stderr.isTerminal(),
    },
    signal,
  };
}

/** The subcommand that is meant; the original plugin's command line has other words. */
function chosenOf({ invokedAs, args }: Invocation): Subcommand | undefined {
  if (invokedAs === "kubectl bind") return undefined;
  const word = args.find((arg) => !arg.startsWith("-") && arg !== "help");
  return SUBCOMMANDS.find(({ name }) => name === word);
}

/** The whole command tree, of which only the subcommand that is meant has its flags and its action. */
async function createProgram(invocation: Invocation, context: ProgramContext): Promise<Command> {
  const { invokedAs } = invocation;
  if (invokedAs === "kubectl bind") {
    const { bindCommand } = await import("./cli/options.ts");
    return bindCommand(context).name(invokedAs).version(`${invokedAs} ${VERSION}`, "--version", "print the version");
  }
  const program = new Command(invokedAs)
    .description("Klutch binds APIs of a control plane into app clusters and keeps their objects in sync.")
    .usage("<command> [flags]")
    .version(`klutch ${VERSION}`, "--version", "print the version")
    .addHelpText(
      "after",
      "\n" + examples(
        ...(invokedAs === "klutch" ? [["Try everything on this machine", "klutch demo"] as const] : []),
        ["Bind an API into the cluster of your current context", `${invokedAs} bind https://HOST/export`],
      ) + `\nSee '${invokedAs} <command> --help' for a command.`,
    );
  const chosen = chosenOf(invocation);
  for (const one of SUBCOMMANDS) {
    if (invokedAs === "kubectl klutch" && !one.plugin) continue;
    const subcommand = one === chosen ? (await one.load())(context) : new Command(one.name);
    program.addCommand(subcommand.summary(one.summary).helpGroup(one.group));
  }
  const help = new Command("help").argument("[command]").summary("Show the help of a command").helpGroup("More:");
  return program.addHelpCommand(help);
}

/** Tells a shell what could be typed in place of the last word. */
async function answerShell(invocation: Invocation): Promise<void> {
  const { complete } = await import("./completion.ts");
  const context = createContext(invocation, interruptions.signal);
  context.writeOut(await complete(await createProgram(invocation, context), invocation.args, context));
}

interface Interruptions {
  signal: AbortSignal;
  /** Which signal came first, once one has come. */
  received(): Deno.Signal | undefined;
}

/** One Ctrl-C arrives several times when a shell, `npx` and `deno task` each pass it on; nobody presses it so fast. */
const ECHO_MS = 1_000;

/** Fires on the first SIGINT or SIGTERM; the second one ends the process at once. */
function listenForSignals(): Interruptions {
  const controller = new AbortController();
  let received: Deno.Signal | undefined;
  let receivedMs = 0;
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    if (Deno.build.os === "windows" && name === "SIGTERM") continue;
    Deno.addSignalListener(name, () => {
      if (received) {
        if (performance.now() - receivedMs > ECHO_MS) Deno.exit(exitCodeOf(name));
        return;
      }
      received = name;
      receivedMs = performance.now();
      controller.abort(new DOMException("Interrupted", "AbortError"));
    });
  }
  return { signal: controller.signal, received: () => received };
}

const exitCodeOf = (signal: Deno.Signal) => signal === "SIGINT" ? 130 : 143;

/** Prints what went wrong as one readable message; the stack only on demand, for those who look for a bug of ours. */
function report(error: unknown): void {
  writeError(`Error: ${printableLines(messageOf(error))}\n`);
  if (Deno.env.get("KLUTCH_DEBUG") && error instanceof Error) writeError(`${printableLines(error.stack ?? "")}\n`);
}

const isInterruption = (error: unknown): boolean =>
  error instanceof Error && (error.name === "AbortError" || isInterruption(error.cause));

/**
 * Says what went wrong, unless the user did it with Ctrl-C, and picks the exit code that tells the kind of failure.
 *
 * @param troubleCode for all that went wrong, where the subcommand has one
 */
function conclude(error: unknown, stoppedBy: Deno.Signal | undefined, troubleCode: number | undefined): number {
  if (error instanceof Answer) return error.exitCode;
  if (!stoppedBy || !isInterruption(error)) report(error);
  if (stoppedBy) return exitCodeOf(stoppedBy);
  return troubleCode ?? (error instanceof UsageError ? 2 : 1);
}

reachLoopbackDirectly(Deno.env);
const invocation = readInvocation(process.argv0, Deno.args);
const { troubleCode } = chosenOf(invocation) ?? {};
const interruptions = listenForSignals();
for (const type of ["unhandledrejection", "error"] as const) {
  globalThis.addEventListener(type, (event) => {
    event.preventDefault();
    const error = event instanceof PromiseRejectionEvent ? event.reason : (event as ErrorEvent).error;
    Deno.exit(conclude(error, interruptions.received(), troubleCode));
  });
}
try {
  if (invocation.args[0] === COMPLETE) {
    await answerShell({ ...invocation, args: invocation.args.slice(1) });
    Deno.exit(0);
  }
  const program = await createProgram(invocation, createContext(invocation, interruptions.signal));
  const args = invocation.args.length > 0 ? invocation.args : ["--help"];
  await runCommandLine(program, args, { writeOut: (text) => write(Deno.stdout, text), writeError });
  // A server that stops in good order on SIGTERM has not failed.
  Deno.exit(interruptions.received() === "SIGINT" ? 130 : 0);
} catch (error) {
  Deno.exit(conclude(error, interruptions.received(), troubleCode));
}
