import { messageOf } from "./errors.ts";
import { isSecretName, REDACTED, redactText } from "./redact.ts";
import { formatKey } from "./types.ts";

/** What a line is about: names and numbers, never contents of objects. */
export type LogFields = Record<string, unknown>;
export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFormat = "json" | "text";

/** One line per event: a fixed sentence and fields. `error` asks someone to act, a retry is `warn`. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log whose lines all carry these fields too. */
  with(fields: LogFields): Log;
}

export interface LogOptions {
  format: LogFormat;
  /** The least important level that is written. */
  level: LogLevel;
  /** Takes one line, without the line break. */
  write: (line: string) => void;
  now?: () => Date;
}

const LEVELS: LogLevel[] = ["debug", "info", "warn", "error"];

/**
 * Writes `{"time","level","msg",…fields}`, or the same as readable text. Errors are shown as messages (with their stack
 * at level `debug`), object keys and whole objects by their names, and what looks like a secret not at all.
 */
export function createLog({ format, level, write, now = () => new Date() }: LogOptions): Log {
  const threshold = LEVELS.indexOf(level);
  const line = format === "json" ? jsonLine : textLine;

  function child(inherited: LogFields): Log {
    const at = (of: LogLevel) =>
      LEVELS.indexOf(of) < threshold
        ? ignore
        : (message: string, fields?: LogFields) =>
          write(line(now(), of, redactText(message), printable({ ...inherited, ...fields }, level === "debug")));
    return {
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
      with: (fields) => child({ ...inherited, ...fields }),
    };
  }
  return child({});
}

const ignore = () => {};

/** Says nothing. */
export const silentLog: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore, with: () => silentLog };

type Printable = string | number | boolean | null | Printable[] | { [field: string]: Printable };

/** Nested deeper than that, it is contents rather than a field. */
const MAX_DEPTH = 4;

function printable(fields: LogFields, stacks: boolean): Record<string, Printable> {
  const result: Record<string, Printable> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const free = name === "time" || name === "level" || name === "msg" ? `${name}_` : name;
    result[free] = printableField(name, value, 0);
    if (stacks && value instanceof Error && value.stack) result[`${free}Stack`] = redactText(value.stack);
  }
  return result;
}

const printableField = (name: string, value: unknown, depth: number): Printable =>
  isSecretName(name) && !isHarmless(value) ? REDACTED : toPrintable(value, depth);

/** `{ token: true }` and `{ secret: { namespace, name } }` may be shown. */
const isHarmless = (value: unknown) =>
  value === null || typeof value === "boolean" || typeof value === "number" || nameOf(value) !== undefined;

function toPrintable(value: unknown, depth: number): Printable {
  switch (typeof value) {
    case "string":
      return redactText(value);
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "boolean":
      return value;
    case "object":
      break;
    default:
      return String(value);
  }
  if (value === null) return null;
  if (value instanceof Error) return redactText(messageOf(value));
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "invalid date" : value.toISOString();
  if (value instanceof URL) return redactText(value.href);
  const name = nameOf(value);
  if (name !== undefined) return name;
  if (depth >= MAX_DEPTH) return "…";
  if (Array.isArray(value) || value instanceof Set) return [...value].map((item) => toPrintable(item, depth + 1));
  const entries = value instanceof Map ? value.entries() : Object.entries(value);
  return Object.fromEntries(
    [...entries].filter(([, item]) => item !== undefined)
      .map(([field, item]) => [String(field), printableField(String(field), item, depth + 1)]),
  );
}

/** `ns/name` of an object key, `Kind ns/name` of a whole object; undefined for everything else. */
function nameOf(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { kind, metadata, name, namespace } = value as Record<string, unknown>;
  if (typeof kind === "string" && typeof metadata === "object" && metadata !== null) {
    return `${kind} ${nameOf(metadata) ?? "without a name"}`;
  }
  if (typeof name !== "string" || (namespace !== undefined && typeof namespace !== "string")) return undefined;
  const isKey = Object.keys(value).every((field) => field === "name" || field === "namespace");
  const isMetadata = "uid" in value || "resourceVersion" in value || "creationTimestamp" in value;
  return isKey || isMetadata ? formatKey({ namespace, name }) : undefined;
}

const jsonLine = (time: Date, level: LogLevel, message: string, fields: Record<string, Printable>): string =>
  onOneLine(JSON.stringify({ time: time.toISOString(), level, msg: message, ...fields }));

function textLine(time: Date, level: LogLevel, message: string, fields: Record<string, Printable>): string {
  const parts = [time.toISOString(), level.toUpperCase().padEnd(5), onOneLine(message)];
  for (const [name, value] of Object.entries(fields)) parts.push(`${onOneLine(name)}=${textValue(value)}`);
  return parts.join(" ");
}

const textValue = (value: Printable): string =>
  typeof value === "string" && /^[^\s"=\p{Cc}]+$/u.test(value) ? value : onOneLine(JSON.stringify(value));

/** Nothing logged can look like a second line, or move the cursor of a terminal; JSON lets some such characters pass. */
const onOneLine = (text: string): string =>
  text.replace(/[\p{Cc}\u2028\u2029]/gu, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
