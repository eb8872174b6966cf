import type { BenchOptions } from "./options.ts";
import type { FigureId } from "./figures.ts";
import type { Contender } from "./table.ts";
import type { Verdict } from "./targets.ts";
import { bestOf } from "./targets.ts";
import { FIGURE_IDS, kindOf } from "./figures.ts";

const SIZES = [
  ...["objects", "pairs", "samples", "informerScope"] as const,
  ...["templates", "connections", "requests", "clusters", "exports", "bindings"] as const,
];

/** One run in the history file. Times and rates are left out: they tell about the machine; ratios hold elsewhere too. */
export interface HistoryEntry {
  /** `2026-01-31` */
  date: string;
  version?: string;
  peers: { name: string; version?: string }[];
  sizes: Pick<BenchOptions, typeof SIZES[number]>;
  /** MiB and numbers of requests. */
  facts: Partial<Record<FigureId, number>>;
  /** Our figure divided by that of the best peer. */
  ratios: Partial<Record<FigureId, number>>;
  targets: { figure: FigureId; target: string; ratio?: number; met: boolean }[];
}

export function toHistoryEntry(
  now: Date,
  options: BenchOptions,
  ours: Contender,
  peers: readonly Contender[],
  verdicts: readonly Verdict[],
): HistoryEntry {
  const entry: HistoryEntry = {
    date: now.toISOString().slice(0, 10),
    version: ours.version,
    peers: peers.map(({ name, version }) => ({ name, version })),
    sizes: Object.fromEntries(SIZES.map((size) => [size, options[size]])) as HistoryEntry["sizes"],
    facts: {},
    ratios: {},
    targets: verdicts.map(({ ratio, ...verdict }) => ({
      ...verdict,
      ...(ratio !== undefined && { ratio: round(ratio) }),
    })),
  };
  for (const id of FIGURE_IDS) {
    const figure = ours.figures[id];
    if (!figure) continue;
    if (["MiB", ""].includes(kindOf(id).unit)) entry.facts[id] = round(figure.value);
    const best = bestOf(id, peers.map(({ figures }) => figures));
    if (best && !id.startsWith("ceiling.")) entry.ratios[id] = round(figure.value / best);
  }
  return entry;
}

const round = (value: number) => Number(value.toPrecision(3));

/** @throws {Error} when the file cannot be written */
export async function appendHistory(path: string | URL, entry: HistoryEntry): Promise<void> {
  await Deno.writeTextFile(path, JSON.stringify(entry) + "\n", { append: true });
}
