import { readFile } from "node:fs/promises";
import { delimiter, dirname, isAbsolute, join, sep } from "node:path";
import { LineCounter, parseDocument } from "yaml";
import { ConfigError } from "./errors.ts";
import { isFields, KubeconfigEntry } from "./kubeconfig_entry.ts";

/** A kubeconfig file, or several that were merged. */
export interface Kubeconfig {
  /** For messages. */
  described: string;
  currentContext?: string;
  contexts: Map<string, KubeconfigEntry>;
  clusters: Map<string, KubeconfigEntry>;
  users: Map<string, KubeconfigEntry>;
}

const KINDS = { contexts: "context", clusters: "cluster", users: "user" } as const;
const PATHS = ["certificate-authority", "client-certificate", "client-key", "tokenFile"];

/**
 * Reads kubeconfig files and merges them as kubectl does: the first file that defines a name wins, and paths count from
 * the directory of the file they stand in.
 *
 * @param skipMissing whether a file that does not exist is left out, as in `$KUBECONFIG`
 * @throws {ConfigError} naming the file
 */
export async function readKubeconfigFiles(files: string[], skipMissing: boolean): Promise<Kubeconfig> {
  const described = `kubeconfig "${files.join(delimiter)}"`;
  const merged: Kubeconfig = { described, contexts: new Map(), clusters: new Map(), users: new Map() };
  let read = 0;
  for (const file of files) {
    let text: string;
    try {
      text = await readFile(file, "utf8");
    } catch (cause) {
      if (skipMissing && (cause as { code?: string }).code === "ENOENT") continue;
      throw new ConfigError(`Cannot read kubeconfig "${file}"`, { cause });
    }
    merge(merged, parseYaml(text, file), file);
    read++;
  }
  if (read === 0) throw new ConfigError(`Cannot find a kubeconfig: none of ${files.join(", ")} exists`);
  return merged;
}

/** The parser's own messages are not passed on: they may quote a credential. */
function parseYaml(text: string, file: string): Record<string, unknown> {
  const refuse = (why: string) => new ConfigError(`Cannot use kubeconfig "${file}": ${why}`);
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  const [error] = document.errors;
  if (error) throw refuse(`line ${lineCounter.linePos(error.pos[0]).line} is not YAML`);
  let root: unknown;
  try {
    root = document.toJS() ?? {}; // an empty file is an empty kubeconfig
  } catch {
    throw refuse("one of its YAML aliases leads nowhere, or to too much");
  }
  if (!isFields(root)) throw refuse("it is not a YAML mapping");
  return root;
}

function merge(into: Kubeconfig, root: Record<string, unknown>, file: string): void {
  const described = `kubeconfig "${file}"`;
  into.currentContext ??= new KubeconfigEntry(root, described).text("current-context");
  for (const list of ["contexts", "clusters", "users"] as const) {
    for (const item of Array.isArray(root[list]) ? root[list] as unknown[] : []) {
      if (!isFields(item) || typeof item.name !== "string" || into[list].has(item.name)) continue;
      const fields = item[KINDS[list]];
      into[list].set(
        item.name,
        new KubeconfigEntry(
          withAbsolutePaths(isFields(fields) ? fields : {}, dirname(file)),
          `${described}: ${KINDS[list]} "${item.name}"`,
        ),
      );
    }
  }
}

function withAbsolutePaths(fields: Record<string, unknown>, directory: string): Record<string, unknown> {
  const absolute = (path: unknown) =>
    typeof path === "string" && path !== "" && !isAbsolute(path) ? join(directory, path) : path;
  const result = { ...fields };
  for (const name of PATHS) if (name in result) result[name] = absolute(result[name]);
  // A plugin without a slash is looked up in PATH.
  if (isFields(result.exec) && typeof result.exec.command === "string" && result.exec.command.includes(sep)) {
    result.exec = { ...result.exec, command: absolute(result.exec.command) };
  }
  return result;
}
