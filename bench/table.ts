import { FIGURE_IDS, type FigureId, type Figures, formatFigure, formatNumber, kindOf } from "./figures.ts";
import { bestOf, type Verdict } from "./targets.ts";

/** One konnector and what it reached. */
export interface Contender {
  name: string;
  /** As the program itself says; absent when it does not. */
  version?: string;
  figures: Figures;
  /** Why it has no more figures. */
  failure?: string;
}

/** The results for people: a line per figure, with its ratio to the best peer and the targets it has. */
export function formatTable(ours: Contender, peers: readonly Contender[], verdicts: readonly Verdict[]): string {
  const all = [ours, ...peers];
  const rows = [["", ...all.map(({ name }) => name), ...(peers.length > 0 ? ["ratio"] : []), "target"]];
  const notes: string[] = [];
  for (const id of FIGURE_IDS) {
    if (!all.some(({ figures }) => figures[id])) continue;
    const [first = "", ...others] = verdicts.filter(({ figure }) => figure === id).map(formatVerdict);
    const values = all.map((contender) => formatCell(contender, id, notes));
    rows.push([kindOf(id).title, ...values, ...(peers.length > 0 ? [ratioOf(id, ours, peers)] : []), first]);
    for (const other of others) rows.push([...rows.at(-1)!.slice(0, -1).map(() => ""), other]);
  }
  const met = verdicts.filter(({ met }) => met).length;
  return [
    ...all.map(({ name, version = "of unknown version" }) => `${name}: ${version}`),
    "",
    ...align(rows),
    "",
    `${met} of ${verdicts.length} targets met`,
    ...unevenness(all),
    ...all.flatMap(({ name, failure }) => failure === undefined ? [] : [`${name} failed on the way: ${failure}`]),
    ...notes.map((note, index) => `[${index + 1}] ${note}`),
  ].join("\n");
}

function formatCell({ name, figures }: Contender, id: FigureId, notes: string[]): string {
  const figure = figures[id];
  if (!figure) return "–";
  if (figure.note === undefined) return formatFigure(id, figure);
  const note = `${name}: ${figure.note}`;
  if (!notes.includes(note)) notes.push(note);
  return `${formatFigure(id, figure)} [${notes.indexOf(note) + 1}]`;
}

function ratioOf(id: FigureId, ours: Contender, peers: readonly Contender[]): string {
  const [value, best] = [ours.figures[id]?.value, bestOf(id, peers.map(({ figures }) => figures))];
  return value === undefined || !best ? "–" : `${formatNumber(value / best)} ×`;
}

function formatVerdict({ target, ratio, met }: Verdict): string {
  const actual = ratio === undefined ? "" : target.includes("%") ? ` (${Math.round(ratio * 100)} %)` : "";
  return `${met ? "met   " : "MISSED"} ${target}${actual}`;
}

/** The first and the last column to the left, numbers to the right. */
function align(rows: readonly string[][]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const cell = (text: string, column: number) =>
    column === 0 || column === widths.length - 1 ? text.padEnd(widths[column]!) : text.padStart(widths[column]!);
  return rows.map((row) => row.map(cell).join("  ").trimEnd());
}

const CEILINGS: FigureId[] = ["ceiling.pairWithCreate", "ceiling.statusPair", "ceiling.pair"];
const UNEVEN = 1.15;

/** Ceilings have nothing to do with the konnectors: where they differ, the machine had something else to do. */
function unevenness(all: readonly Contender[]): string[] {
  const differences = CEILINGS.flatMap((id) => {
    const values = all.flatMap(({ figures }) => figures[id]?.value ?? []);
    return values.length > 1 ? [Math.max(...values) / Math.min(...values)] : [];
  });
  const worst = Math.max(1, ...differences);
  if (worst < UNEVEN) return [];
  return [`Beware: ceilings differ by a factor of ${formatNumber(worst)}; something else kept the machine busy`];
}
