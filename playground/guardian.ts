import { open } from "node:fs/promises";
import { messageOf } from "../kube/errors.ts";

export interface GuardedProcess extends AsyncDisposable {
  /** How the program is called in messages, e.g. `kube-apiserver`. */
  readonly name: string;
  /** File with what the program wrote to stdout and stderr. */
  readonly logPath: string;
  /** Whether `stop` was called. */
  readonly stopped: boolean;
  /** Settles once the program is gone, whatever the reason. */
  readonly exited: Promise<{ code: number }>;
  /** The last lines of its log, for error messages. */
  logTail(lines?: number): Promise<string>;
  /** Kills the program and its children at once (their data is thrown away anyway) and waits until it is gone. */
  stop(): Promise<void>;
}

export interface GuardedCommand {
  name: string;
  /** Program and arguments. */
  command: readonly string[];
  logPath: string;
  /** Of the program; ours by default. */
  cwd?: string;
  /** In addition to our own environment. */
  env?: Record<string, string>;
}

// Our end of the guardian's stdin closes when this process ends in whatever way, kill -9 included: the kernel sees to
// that. The reader must be a subshell of its own, as `wait` and `read` cannot be waited for together. It kills the
// whole process group, itself included: a compiler has children of its own.
const GUARDIAN = `
exec 3<&0 </dev/null
"$@" 3<&- &
child=$!
{ read -r _ <&3; kill -s KILL -- "-$$"; } >/dev/null 2>&1 &
watcher=$!
wait "$child"
code=$?
kill -9 "$watcher" 2>/dev/null
exit "$code"
`;

/**
 * Starts a program that cannot outlive this process, nor can its children. It runs in a session of its own, so that a terminal's Ctrl-C
 * reaches only us and we decide the order in which things stop.
 */
export function startGuarded({ name, command, logPath, cwd, env }: GuardedCommand): GuardedProcess {
  if (command.length === 0) throw new TypeError(`Cannot start ${name}: empty command`);
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command("/bin/sh", {
      // The log is opened by the shell, so that no pipe has to be drained by us.
      args: ["-c", `exec >>"$1" 2>&1; shift\n${GUARDIAN}`, `${name}-guardian`, logPath, ...command],
      stdin: "piped",
      stdout: "null",
      stderr: "null",
      detached: true,
      cwd,
      env,
    }).spawn();
  } catch (cause) {
    throw new Error(`Cannot start ${name}: ${messageOf(cause)}`, { cause });
  }
  const exited = child.status.then(({ code }) => ({ code }));
  let stopping = false;
  const stop = async () => {
    stopping = true;
    await child.stdin.close().catch(() => {}); // already closed, or the guardian is gone
    await exited;
  };
  return {
    name,
    logPath,
    get stopped() {
      return stopping;
    },
    exited,
    stop,
    logTail: (lines = 15) => tailOf(logPath, lines),
    [Symbol.asyncDispose]: stop,
  };
}

const TAIL_BYTES = 16_384;

async function tailOf(path: string, lines: number): Promise<string> {
  try {
    await using file = await open(path);
    const { size } = await file.stat();
    const bytes = new Uint8Array(Math.min(size, TAIL_BYTES));
    await file.read(bytes, 0, bytes.length, size - bytes.length);
    return new TextDecoder().decode(bytes).trimEnd().split("\n").slice(-lines).join("\n");
  } catch (error) {
    return `(no log: ${messageOf(error)})`;
  }
}
