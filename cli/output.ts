import { rename, rm, stat, writeFile } from "node:fs/promises";
import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import { API_SERVICE_BINDINGS, API_VERSION, GROUP, KLUTCH_NAMESPACE } from "../crds/names.ts";
import { groupResourceName } from "../crds/shared.ts";
import type { KubeClient } from "../kube/client.ts";
import type { Secret } from "../kube/resources.ts";
import type { ObjectKey } from "../kube/types.ts";
import type { ExportRequest } from "./export_requests.ts";
import { mergeTables, type Table } from "./table.ts";

export const OUTPUTS = ["json", "yaml", "name", "table"] as const;
export type Output = typeof OUTPUTS[number];

/** Where questions are shown: with results for a program on stdout, they go to stderr. */
export const questionsTo = (output: Output | undefined): "stdout" | "stderr" =>
  output === undefined || output === "table" ? "stdout" : "stderr";

/** The requests of a dry run, as they could be given to `bind apiservice -f`; by its APIs where one has no name. */
export function formatRequests(requests: readonly ExportRequest[], output: Output = "yaml"): Promise<string> {
  if (output === "name" || output === "table") {
    const names = requests.flatMap(({ metadata: { name }, spec }) => name || spec.resources.map(groupResourceName));
    return Promise.resolve(names.map((name) => `apiserviceexportrequest.${GROUP}/${name}\n`).join(""));
  }
  return formatDocuments(requests.map((request) => ({ ...request, status: {} })), output);
}

/**
 * The bindings for people, as the app cluster shows them, or as manifests, with nothing in them that servers add, and
 * with the namespace that they live in; not the Secret they refer to.
 */
export async function formatBindings(
  appCluster: KubeClient,
  bindings: readonly APIServiceBinding[],
  output: Output = "table",
  signal: AbortSignal,
): Promise<string> {
  const prefix = `${API_SERVICE_BINDINGS.kind.toLowerCase()}.${GROUP}/`;
  if (output === "name") return bindings.map(({ metadata }) => `${prefix}${metadata.name}\n`).join("");
  if (output === "table") {
    const tables: Table[] = [];
    for (const { metadata } of bindings) {
      tables.push(await getTable(appCluster, metadata, signal));
    }
    return mergeTables(tables, prefix);
  }
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: KLUTCH_NAMESPACE } };
  const manifests = [namespace, ...bindings.map(manifestOf)];
  const list = { apiVersion: "v1", kind: "List", items: manifests };
  return await formatDocuments(output === "json" ? [list] : manifests, output);
}

/** An object as somebody would write it into a file. */
function manifestOf({ apiVersion, kind, metadata: { name, namespace }, spec }: APIServiceBinding): object {
  return { apiVersion, kind, metadata: { name, ...(namespace && { namespace }) }, spec };
}

/**
 * Writes the Secret as a manifest into a file that only its owner can read; the file is there as a whole or not at all.
 *
 * @throws {Error} when the file cannot be written
 */
export async function writeSecretFile(path: string, { metadata, type, data }: Secret): Promise<void> {
  const { name, namespace } = metadata;
  const manifest = { apiVersion: "v1", kind: "Secret", metadata: { name, namespace }, type, data };
  const text = await formatDocuments([manifest], "yaml");
  await withFileBeside(path, text, (beside) => rename(beside, path));
}

/**
 * Makes sure that `writeSecretFile` will be able to write there; leaves everything as it is.
 *
 * @throws {Error} when it will not
 */
export async function probeSecretFile(path: string): Promise<void> {
  const there = await stat(path).catch(() => undefined);
  if (there?.isDirectory()) throw new Error(`Cannot write the Secret to ${path}: it is a directory`);
  await withFileBeside(path, "", () => Promise.resolve());
}

async function withFileBeside(path: string, text: string, use: (beside: string) => Promise<void>): Promise<void> {
  const beside = `${path}.${crypto.randomUUID().slice(0, 8)}`;
  try {
    await writeFile(beside, text, { mode: 0o600, flag: "wx" });
    await use(beside);
  } catch (cause) {
    throw new Error(`Cannot write the Secret to ${path}`, { cause });
  } finally {
    await rm(beside, { force: true });
  }
}

async function formatDocuments(documents: readonly object[], output: "json" | "yaml"): Promise<string> {
  if (output === "json") return documents.map((document) => `${JSON.stringify(document, null, 4)}\n`).join("");
  return (await import("./yaml.ts")).toYamlDocuments(documents);
}

async function getTable(appCluster: KubeClient, { namespace, name }: ObjectKey, signal: AbortSignal): Promise<Table> {
  const scope = namespace ? `/namespaces/${namespace}` : "";
  const path = `/apis/${API_VERSION}${scope}/${API_SERVICE_BINDINGS.plural}/${encodeURIComponent(name)}`;
  return await appCluster.request("GET", path, { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" }, signal);
}
