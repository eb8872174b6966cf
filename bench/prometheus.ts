/** One line of a Prometheus exposition. */
export interface Sample {
  name: string;
  labels: Readonly<Record<string, string>>;
  value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/**
 * The samples with one of these names; others are not looked at, since an API server has some twenty thousand.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function* parseSamples(text: string, names: readonly string[]): Generator<Sample> {
  for (const line of text.split("\n")) {
    if (!names.some((name) => line.startsWith(name))) continue;
    const [, name = "", labels = "", value = ""] = LINE.exec(line) ?? [];
    if (!names.includes(name)) continue;
    yield { name, labels: parseLabels(labels), value: toNumber(value) };
  }
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [, name = "", value = ""] of text.matchAll(LABEL)) labels[name] = unescape(value);
  return labels;
}

const unescape = (text: string) =>
  text.replace(/\\(.)/g, (_, character: string) => character === "n" ? "\n" : character);

const toNumber = (text: string) => text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text);
