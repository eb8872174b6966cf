import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import { API_SERVICE_BINDINGS, API_VERSION, GROUP } from "../crds/names.ts";
import type { KubeClient } from "../kube/client.ts";
import type { ObjectKey } from "../kube/types.ts";
import type { ExportRequest } from "./export_requests.ts";
import { mergeTables, type Table } from "./table.ts";

export const OUTPUTS = ["json", "yaml", "name", "table"] as const;
export type Output = typeof OUTPUTS[number];

/** Where questions are shown: with results for a program on stdout, they go to stderr. */
export const questionsTo = (output: Output | undefined): "stdout" | "stderr" =>
  output === undefined || output === "table" ? "stdout" : "stderr";

/** The requests of a dry run, as they could be given to `bind apiservice -f`. */
export function formatRequests(requests: readonly ExportRequest[], output: Output = "yaml"): Promise<string> {
  if (output === "name" || output === "table") {
    return Promise.resolve(
      requests.map(({ metadata }) => `apiserviceexportrequest.${GROUP}/${metadata.name ?? ""}\n`).join(""),
    );
  }
  return formatDocuments(requests.map((request) => ({ ...request, status: {} })), output);
}

/** The bindings as the app cluster shows them. */
export async function formatBindings(
  appCluster: KubeClient,
  bindings: readonly APIServiceBinding[],
  { output = "table", showManagedFields = false }: { output?: Output; showManagedFields?: boolean },
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
  const shown = bindings.map((binding) =>
    showManagedFields ? binding : { ...binding, metadata: { ...binding.metadata, managedFields: undefined } }
  );
  return await formatDocuments(shown, output);
}

async function formatDocuments(documents: readonly object[], output: "json" | "yaml"): Promise<string> {
  if (output === "json") return documents.map((document) => `${JSON.stringify(document, null, 4)}\n`).join("");
  const { stringify } = await import("yaml");
  // Through JSON, so that exact numbers and fields left undefined come out as they would on the wire.
  const options = { aliasDuplicateObjects: false, lineWidth: 0 };
  return documents.map((document) => stringify(JSON.parse(JSON.stringify(document)), options)).join("---\n");
}

async function getTable(appCluster: KubeClient, { namespace, name }: ObjectKey, signal: AbortSignal): Promise<Table> {
  const scope = namespace ? `/namespaces/${namespace}` : "";
  const path = `/apis/${API_VERSION}${scope}/${API_SERVICE_BINDINGS.plural}/${encodeURIComponent(name)}`;
  return await appCluster.request("GET", path, { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" }, signal);
}
