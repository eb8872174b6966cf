import { fileURLToPath } from "node:url";
import { buildKlutch } from "../build/klutch.ts";
import { messageOf } from "../kube/errors.ts";
import { findBinaries } from "../playground/binaries.ts";
import { UsageError } from "../program.ts";
import { measureBackend } from "./backend_part.ts";
import { runContest } from "./contest.ts";
import { appendHistory, toHistoryEntry } from "./history.ts";
import { measureCli } from "./measure_cli.ts";
import { type BenchOptions, readOptions, USAGE } from "./options.ts";
import { type Contender, formatTable } from "./table.ts";
import { judge } from "./targets.ts";

// deno task bench [flags]; --help shows them
const HISTORY = fileURLToPath(new URL("history.jsonl", import.meta.url));

/** Measures what was asked for, and prints what was reached. */
async function runBench(options: BenchOptions, signal: AbortSignal): Promise<void> {
  const startMs = performance.now();
  const say = (line: string) => {
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    console.error(`${seconds.padStart(7)} s  ${line}`);
  };
  const env = Deno.env.toObject();
  const binaries = await findBinaries({ env, progress: say }, signal);
  const klutch = options.konnector ? undefined : await buildKlutch({ env, progress: say }, signal);
  const konnector = options.konnector ??
    { name: "klutch", command: [klutch!, "konnector", "--health-address", "127.0.0.1:0"] };
  const contenders = await runContest([konnector, ...options.peers], options, { binaries, say }, signal);
  const [ours, ...peers] = contenders as [Contender, ...Contender[]];
  if (klutch) {
    Object.assign(
      ours.figures,
      await measureBackend({ bench: options, command: [klutch, "backend"], binaries, say }, signal),
      await measureCli({ bench: options, klutch, binaries, say }, signal),
    );
  }
  const verdicts = judge(ours.figures, peers.map(({ figures }) => figures));
  if (options.output === "json") {
    const { output: _, record: __, help: ___, konnector: ____, peers: _____, ...sizes } = options;
    console.log(JSON.stringify({ sizes, contenders, targets: verdicts }, null, 2));
  } else {
    console.log(formatTable(ours, peers, verdicts));
  }
  if (options.record) await appendHistory(HISTORY, toHistoryEntry(new Date(), options, ours, peers, verdicts));
}

const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.addSignalListener(name, () => stop.abort(new DOMException("Interrupted", "AbortError")));
}
try {
  const options = readOptions(Deno.args);
  if (options.help) console.log(USAGE);
  else await runBench(options, stop.signal);
  Deno.exit(0);
} catch (error) {
  console.error(stop.signal.aborted ? "Interrupted" : `Error: ${messageOf(error)}`);
  Deno.exit(stop.signal.aborted ? 130 : error instanceof UsageError ? 2 : 1);
}
