import type { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import { API_SERVICE_EXPORT_TEMPLATES } from "../crds/names.ts";
import type { KubeClient } from "../kube/client.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, type CustomResourceDefinition } from "../kube/resources.ts";
import { apiVersionOf } from "../kube/types.ts";
import { databaseCrd, numbered } from "./bench_api.ts";

/** So many APIs with schemas like that of databases: `service-00000s.bench.example.com` and so on. */
export function serviceCrds(count: number): CustomResourceDefinition[] {
  const { spec, ...crd } = databaseCrd();
  return numbered("service", count).map((singular, index) => {
    const kind = `Service${index}`;
    const names = { kind, listKind: `${kind}List`, plural: `${singular}s`, singular };
    return { ...crd, metadata: { name: `${names.plural}.${spec.group}` }, spec: { ...spec, names } };
  });
}

/** Installs an API and puts it into the catalogue, as people describe theirs. */
export async function offer(client: KubeClient, crd: CustomResourceDefinition, signal: AbortSignal): Promise<void> {
  const { group, names: { kind, plural } } = crd.spec;
  await client.api<CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS).create(crd, signal);
  await client.api<APIServiceExportTemplate>(API_SERVICE_EXPORT_TEMPLATES).create({
    apiVersion: apiVersionOf(API_SERVICE_EXPORT_TEMPLATES),
    kind: API_SERVICE_EXPORT_TEMPLATES.kind,
    metadata: { namespace: "default", name: plural },
    spec: {
      APIServiceSelector: { group, resource: plural },
      displayName: `${kind} of the bench`,
      description: "Databases with backups, several zones to choose from, and somebody who looks after them at night.",
      permissionClaims: [{ group: "", resource: "secrets", version: "v1", selector: { owner: "Provider" } }],
    },
  }, signal);
}
