/** A line of one or both texts. */
interface Line {
  mark: " " | "-" | "+";
  text: string;
}

const CONTEXT = 3;
/** Texts that differ in more lines are shown one after the other: finding the least difference would take too long. */
const MAX_DIFFERENCES = 1_000;

/**
 * The hunks of a unified diff of two texts, `""` when they are equal.
 *
 * @see E. W. Myers, An O(ND) Difference Algorithm and Its Variations
 */
export function unifiedHunks(before: string, after: string): string {
  const lines = compareLines(linesOf(before), linesOf(after));
  const changed = lines.flatMap(({ mark }, at) => mark === " " ? [] : [at]);
  let text = "";
  for (let i = 0; i < changed.length;) {
    const from = Math.max(0, changed[i]! - CONTEXT);
    while (i + 1 < changed.length && changed[i + 1]! - changed[i]! <= 2 * CONTEXT) i++;
    text += formatHunk(lines, from, Math.min(lines.length, changed[i]! + CONTEXT + 1));
    i++;
  }
  return text;
}

const linesOf = (text: string): string[] => text === "" ? [] : text.replace(/\n$/, "").split("\n");

function formatHunk(lines: readonly Line[], from: number, to: number): string {
  const count = (mark: Line["mark"], end: Line[]) =>
    end.filter((line) => line.mark === " " || line.mark === mark).length;
  const [head, body] = [lines.slice(0, from), lines.slice(from, to)];
  const range = (mark: "-" | "+") => {
    const length = count(mark, body);
    const start = count(mark, head) + (length > 0 ? 1 : 0);
    return `${mark}${start}${length === 1 ? "" : `,${length}`}`;
  };
  return [`@@ ${range("-")} ${range("+")} @@`, ...body.map(({ mark, text }) => mark + text), ""].join("\n");
}

function compareLines(before: readonly string[], after: readonly string[]): Line[] {
  let start = 0;
  while (start < before.length && before[start] === after[start]) start++;
  let end = 0;
  const most = Math.min(before.length, after.length) - start;
  while (end < most && before.at(-1 - end) === after.at(-1 - end)) end++;
  const same = (lines: readonly string[]) => lines.map((text): Line => ({ mark: " ", text }));
  return [
    ...same(before.slice(0, start)),
    ...shortestEdit(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...same(before.slice(before.length - end)),
  ];
}

/** Goes back from the end along the furthest reaching paths. */
function shortestEdit(before: readonly string[], after: readonly string[]): Line[] {
  const rounds = furthestPaths(before, after);
  if (!rounds) return [...before.map(removed), ...after.map(added)];
  const lines: Line[] = [];
  let [x, y] = [before.length, after.length];
  for (const paths of rounds.toReversed()) {
    const k = x - y;
    const isDown = goesDown(paths, k);
    const fromX = isDown ? paths.get(k + 1)! : paths.get(k - 1)! + 1;
    while (x > fromX) {
      lines.push({ mark: " ", text: before[--x]! });
      y--;
    }
    lines.push(isDown ? added(after[--y]!) : removed(before[--x]!));
  }
  while (x > 0) lines.push({ mark: " ", text: before[--x]! });
  return lines.toReversed();
}

const removed = (text: string): Line => ({ mark: "-", text });
const added = (text: string): Line => ({ mark: "+", text });

/** How far one gets in `before`, by diagonal: its lines less those of `after`. */
type Paths = ReadonlyMap<number, number>;

/** Whether more is reached by a line of `after` than by one of `before`. */
const goesDown = (paths: Paths, k: number): boolean => (paths.get(k + 1) ?? -1) > (paths.get(k - 1) ?? -2);

/** The paths before each edit of the shortest way to the end; undefined when it takes too many. */
function furthestPaths(before: readonly string[], after: readonly string[]): Paths[] | undefined {
  const slide = (x: number, k: number) => {
    while (x < before.length && x - k < after.length && before[x] === after[x - k]) x++;
    return x;
  };
  const rounds: Paths[] = [];
  let paths = new Map([[0, slide(0, 0)]]);
  const end = before.length - after.length;
  while (paths.get(end) !== before.length) {
    if (rounds.length === MAX_DIFFERENCES) return undefined;
    const next = new Map<number, number>();
    for (let k = -rounds.length - 1; k <= rounds.length + 1; k += 2) {
      const from = goesDown(paths, k) ? paths.get(k + 1)! : (paths.get(k - 1) ?? NaN) + 1;
      if (from <= before.length && from - k <= after.length) next.set(k, slide(from, k));
    }
    rounds.push(paths);
    paths = next;
  }
  return rounds;
}
