import type { APIServiceExport } from "../crds/api_service_export.ts";
import type { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import { groupResourceName } from "../crds/shared.ts";
import type { Outcome } from "../kube/controller.ts";
import type { Informer } from "../kube/informer.ts";
import type { Log } from "../kube/log.ts";
import type { CustomResourceDefinition } from "../kube/resources.ts";
import { isDeleting, type ObjectKey } from "../kube/types.ts";
import type { Catalogue, ServedApi } from "./catalogue.ts";
import { atVersion, type CrdSource } from "./crd_source.ts";
import { planTemplateStatus } from "./export_template_plan.ts";
import type { ConsumerScope } from "./options.ts";
import { EXPORTS_BY_NAME } from "./service_export.ts";
import { patchStatus } from "./status.ts";

export interface ExportTemplateDeps {
  templates: Informer<APIServiceExportTemplate>;
  exports: Informer<APIServiceExport>;
  apis: Informer<CustomResourceDefinition, ServedApi>;
  catalogue: Catalogue;
  source: CrdSource;
  consumerScope: ConsumerScope;
  log: Log;
  now?: () => Date;
}

/** Says in one template what has become of its offer. */
export async function reconcileExportTemplate(
  deps: ExportTemplateDeps,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<Outcome> {
  const { templates, exports, apis, catalogue, source, consumerScope, log, now = () => new Date() } = deps;
  const template = templates.store.get(key);
  if (!template || isDeleting(template)) return;
  const { APIServiceSelector: selector } = template.spec;
  const name = groupResourceName(selector);
  const api = apis.store.get({ name });
  const made = api && !api.isDeleting && atVersion(await source.get(api, signal), selector.version);
  const view = {
    template,
    counting: catalogue.templateOf(name) ?? template,
    api,
    ...(made && "problem" in made && { problem: made.problem }),
    exports: exports.store.keysBy(EXPORTS_BY_NAME, name).length,
  };
  const status = planTemplateStatus(view, consumerScope, now());
  if (!status) return;
  await patchStatus(templates.api, template, status, signal);
  const [established] = status.conditions!;
  log.info("template looked at", { template: key, established: established?.status, why: established?.reason });
}
