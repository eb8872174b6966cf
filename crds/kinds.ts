import { APIServiceBinding } from "./api_service_binding.ts";
import { APIServiceExport } from "./api_service_export.ts";
import { APIServiceExportRequest } from "./api_service_export_request.ts";
import { APIServiceExportTemplate } from "./api_service_export_template.ts";
import { APIServiceNamespace } from "./api_service_namespace.ts";
import { AppClusterBinding } from "./app_cluster_binding.ts";
import { ClusterBinding } from "./cluster_binding.ts";
import type { Kind } from "./kind.ts";

/** Every kind that a cluster stores. */
export const KINDS: readonly Kind[] = [
  APIServiceBinding,
  APIServiceExport,
  APIServiceExportRequest,
  APIServiceExportTemplate,
  APIServiceNamespace,
  AppClusterBinding,
  ClusterBinding,
];
