import { parseArgs } from "node:util";
import { UsageError } from "../program.ts";

/** Parts of a run; each can be left out. */
export const KONNECTOR_SECTIONS = ["burst", "status", "backlog", "latency", "pairs"] as const;
export const BACKEND_SECTIONS = ["page", "onboarding", "contracts"] as const;
export const CLI_SECTIONS = ["cli"] as const;
export const SECTIONS = [...KONNECTOR_SECTIONS, ...BACKEND_SECTIONS, ...CLI_SECTIONS];
export type KonnectorSection = typeof KONNECTOR_SECTIONS[number];
export type BackendSection = typeof BACKEND_SECTIONS[number];
export type CliSection = typeof CLI_SECTIONS[number];
export type Section = KonnectorSection | BackendSection | CliSection;

export const INFORMER_SCOPES = ["Namespaced", "Cluster"] as const;

/** A program to be measured, with its first arguments; it is run with `--kubeconfig <file>` besides. */
export interface ContenderCommand {
  name: string;
  command: readonly string[];
}

export interface BenchOptions {
  /** Ours; the compiled executable of these sources when absent. */
  konnector?: ContenderCommand;
  peers: readonly ContenderCommand[];
  only: readonly Section[];
  informerScope: typeof INFORMER_SCOPES[number];
  /** Objects of a burst and of a backlog. */
  objects: number;
  /** Pairs for memory, restart and idling. */
  pairs: number;
  /** Of idle latency, each way. */
  samples: number;
  /** Pause before each of these samples. */
  gapMs: number;
  /** APIs on the catalogue page. */
  templates: number;
  /** On which the page is asked for again and again. */
  connections: number;
  /** For the page, on all of them. */
  requests: number;
  /** App clusters that are onboarded. */
  clusters: number;
  /** APIs that each of them has, when it comes to memory. */
  exports: number;
  /** On an app cluster whose status is asked for. */
  bindings: number;
  /** Requests that the bench itself has under way at a time. */
  concurrency: number;
  /** How long memory may settle after all work is done. */
  settleSeconds: number;
  /** How long idling is watched; figures are given for a minute. */
  idleSeconds: number;
  /** The longest wait for one thing to happen. */
  patienceSeconds: number;
  output: "table" | "json";
  /** Appends to the history file. */
  record: boolean;
  help: boolean;
}

export const USAGE = `Usage: deno task bench [flags]

Measures konnector, backend and command line as black boxes on real control planes, with an independent client's watch as the
stop-watch. Nothing is left behind. Linux only.
  ${KONNECTOR_SECTIONS.join(", ")}: the konnector, between two control planes of its own. Peers take their turn
    in each part, so that a machine that slows down slows down all of them.
  page: the catalogue page, asked for by a person who has logged in, on many connections at once.
  onboarding: new app clusters, from the click on Bind until their export is there and their rights are granted, beside
    what a plain client reaches that writes the same and nothing else.
  contracts: memory with many app clusters that have several APIs each; how soon a changed CRD is in all exports.
  cli: the time until klutch has printed its help, or the status of an app cluster with many bindings.

      --konnector CMD   measure this konnector instead of the executable built from these sources, and nothing else
      --peer NAME=CMD   measure this konnector too, in the same run, for ratios; may be repeated
      --only LIST       of ${SECTIONS.join(",")} (default: all)
      --scope SCOPE     informer scope of the export: ${INFORMER_SCOPES.join(" or ")} (default: Namespaced)
      --objects N       objects of a burst and of a backlog (default: 2000)
      --pairs N         pairs for memory, restart and idling (default: 10000)
      --samples N       of idle latency, each way (default: 200)
      --gap MS          pause before each of these samples (default: 250)
      --templates N     APIs on the catalogue page (default: 200)
      --connections N   that ask for it, one request after another (default: 50)
      --requests N      for it, on all of them (default: 10000)
      --clusters N      app clusters that are onboarded (default: 500)
      --exports N       APIs that each of them has in the part about contracts (default: 10)
      --bindings N      of an app cluster whose status is asked for (default: 50)
      --concurrency N   requests that the bench has under way at a time (default: 32)
      --settle S        seconds that memory gets to settle (default: 30)
      --idle S          seconds of idling that are watched (default: 60)
      --patience S      longest wait for one thing to happen (default: 300)
  -o, --output FORMAT   table or json (default: table)
      --record          append ratios and facts to bench/history.jsonl
  -h, --help            show this help

A CMD is split at spaces, is run with --kubeconfig FILE, and has to stay the process that works. Examples:
  deno task bench --objects 200 --pairs 500 --samples 20 --idle 10 --settle 5
  deno task bench --only page,onboarding --clusters 100
  deno task bench --only burst,latency --peer "original=/usr/local/bin/konnector -v=0" -o json
`;

const FLAGS = {
  konnector: { type: "string" },
  peer: { type: "string", multiple: true },
  only: { type: "string" },
  scope: { type: "string" },
  objects: { type: "string" },
  pairs: { type: "string" },
  samples: { type: "string" },
  gap: { type: "string" },
  templates: { type: "string" },
  connections: { type: "string" },
  requests: { type: "string" },
  clusters: { type: "string" },
  exports: { type: "string" },
  bindings: { type: "string" },
  concurrency: { type: "string" },
  settle: { type: "string" },
  idle: { type: "string" },
  patience: { type: "string" },
  output: { type: "string", short: "o" },
  record: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

/** Flags that take a number of things. */
type Count =
  & keyof { [Name in keyof BenchOptions as BenchOptions[Name] extends number ? Name : never]: never }
  & keyof typeof FLAGS;

/** @throws {UsageError} naming the flag */
export function readOptions(args: readonly string[]): BenchOptions {
  const flags = parseFlags(args);
  const count = (name: Count, byDefault: number) => numberOf(name, flags[name], byDefault, 1);
  const time = (name: "gap" | "settle" | "idle" | "patience", byDefault: number) =>
    numberOf(name, flags[name], byDefault, name === "idle" || name === "patience" ? 1 : 0);
  const konnector = flags.konnector === undefined ? undefined : splitCommand("konnector", flags.konnector);
  const sections: readonly Section[] = konnector ? KONNECTOR_SECTIONS : SECTIONS;
  return {
    konnector: konnector && { name: "klutch", command: konnector },
    peers: readPeers(flags.peer ?? []),
    only: flags.only === undefined
      ? sections
      : flags.only.split(",").map((section) => oneOf("only", section.trim(), sections)),
    informerScope: oneOf("scope", flags.scope ?? "Namespaced", INFORMER_SCOPES),
    objects: count("objects", 2000),
    pairs: count("pairs", 10_000),
    samples: count("samples", 200),
    gapMs: time("gap", 250),
    templates: count("templates", 200),
    connections: count("connections", 50),
    requests: count("requests", 10_000),
    clusters: count("clusters", 500),
    exports: count("exports", 10),
    bindings: count("bindings", 50),
    concurrency: count("concurrency", 32),
    settleSeconds: time("settle", 30),
    idleSeconds: time("idle", 60),
    patienceSeconds: time("patience", 300),
    output: oneOf("output", flags.output ?? "table", ["table", "json"] as const),
    record: flags.record ?? false,
    help: flags.help ?? false,
  };
}

function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function readPeers(texts: readonly string[]): ContenderCommand[] {
  const peers = texts.map((text, index) => {
    const [, name, command = ""] = /^(?:([\w.-]+)=)?(.*)$/s.exec(text) ?? [];
    return { name: name ?? `peer ${index + 1}`, command: splitCommand("peer", command) };
  });
  const names = ["klutch", ...peers.map(({ name }) => name)];
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) throw new UsageError(`'--peer': the name '${twice}' is taken; choose another NAME=CMD`);
  return peers;
}

function splitCommand(flag: string, text: string): string[] {
  const words = text.trim().split(/\s+/).filter(Boolean);
  if (words.length === 0) throw new UsageError(`'--${flag}' needs a command`);
  return words;
}

function oneOf<T extends string>(flag: string, value: string, values: readonly T[]): T {
  const found = values.find((one) => one.toLowerCase() === value.toLowerCase());
  if (found === undefined) throw new UsageError(`invalid value '${value}' for '--${flag}': it is ${values.join(", ")}`);
  return found;
}

function numberOf(flag: string, text: string | undefined, byDefault: number, least: number): number {
  const number = text === undefined ? byDefault : Number(text);
  if (!Number.isInteger(number) || number < least) {
    throw new UsageError(`invalid value '${text}' for '--${flag}': it is a whole number from ${least}`);
  }
  return number;
}
