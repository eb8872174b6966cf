import { SYNC_FINALIZER } from "../../crds/names.ts";
import type { KubeClient } from "../../kube/client.ts";
import type { CrdCondition } from "../../kube/resources.ts";
import { isUnreachable, messageOf } from "../../kube/errors.ts";
import { isJsonObject } from "../../kube/json.ts";
import { type DynamicObject, formatKey, isDeleting, keyOf } from "../../kube/types.ts";
import { providerResource, type SyncDefinition } from "../../sync/definition.ts";
import { OWNER, planInstance, type Step } from "../../sync/instance_plan.ts";
import { plannable, refusalOf } from "../../sync/instance_refusal.ts";
import { runStep } from "../../sync/instance_steps.ts";
import { type Finding, passed, stopped } from "../diagnosis/finding.ts";
import { formatAge } from "../duration.ts";
import type { Place } from "./place.ts";

interface Instance {
  appCluster: KubeClient;
  /** The user's object. */
  consumer: DynamicObject;
  definition: SyncDefinition;
  place: Place;
  provider: KubeClient;
}

/** Spec up, the operator's work, status down; or the deletion. What is outstanding, the konnector's own plan says. */
export async function instanceFindings(
  { appCluster, consumer, definition, place: { key: providerKey, mapping }, provider }: Instance,
  signal: AbortSignal,
): Promise<Finding[]> {
  const api = provider.api(providerResource(definition), { isDryRun: true });
  const found = { key: keyOf(consumer), providerKey, consumer, provider: await api.find(providerKey, signal) };
  const described = `${definition.resource.kind} "${formatKey(providerKey)}" on the provider`;
  const refusal = refusalOf(found, mapping);
  if (refusal) return [stopped("Spec", refusal.reason, `It cannot be on the provider: ${refusal.why}`)];
  const view = plannable(found, mapping);
  const { provider: copy } = view;
  const steps = new Set(planInstance(view));
  if (isDeleting(consumer)) return deletionFindings(consumer, copy, described);
  const findings: Finding[] = [];
  if (copy && isDeleting(copy)) {
    findings.push(stopped("Spec", "DeletedOnProvider", `${described} is being deleted there`));
  } else if (steps.has("applySpec")) {
    const ends = { consumer: { api: appCluster.api(definition.resource, { isDryRun: true }) }, provider: { api } };
    try {
      await runStep({ ...ends, ...definition, mapping }, "applySpec", view, signal);
      findings.push(
        copy
          ? stopped("Spec", "SpecPending", `${described} does not say yet what this one says`)
          : stopped("Spec", "CopyMissing", `There is no ${described} yet`),
      );
    } catch (error) {
      if (isUnreachable(error)) throw error;
      findings.push(stopped("Spec", "SpecRefused", messageOf(error)));
    }
  } else {
    findings.push(passed("Spec", `${described} says the same${lastPush(copy)}`));
  }
  if (copy) findings.push(operatorFinding(copy, described), statusFinding(steps));
  return findings;
}

/** When the konnector wrote last, as the API server noted it. */
function lastPush(copy: DynamicObject | undefined): string {
  const times =
    copy?.metadata.managedFields?.filter(({ manager }) => manager === OWNER.name || manager === OWNER.predecessor)
      .flatMap(({ time, subresource }) => time && !subresource ? [Date.parse(time)] : []) ?? [];
  return times.length > 0 ? `, written ${formatAge(Date.now() - Math.max(...times))} ago` : "";
}

const statusFinding = (steps: ReadonlySet<Step>): Finding =>
  steps.has("copyStatus")
    ? stopped("Status", "StatusPending", "The provider's status has not come back yet")
    : passed("Status", "here it is what the provider says");

/** The first condition of the operator's that does not hold; those of Crossplane and of most operators have this shape. */
function operatorFinding({ status }: DynamicObject, described: string): Finding {
  if (!isJsonObject(status)) return stopped("Operator", "OperatorSilent", `${described} has no status`);
  const conditions = (Array.isArray(status.conditions) ? status.conditions : []) as unknown as CrdCondition[];
  const unmet = conditions.find((one) => isJsonObject(one) && one.status !== "True" && isExpected(one.type));
  if (unmet) {
    const { type, status, reason = "", message = "" } = unmet;
    return stopped(
      "Operator",
      "OperatorAtWork",
      `${type} is ${status}: ${[reason, message].filter(Boolean).join(": ")}`,
    );
  }
  const phase = typeof status.phase === "string" ? status.phase : undefined;
  if (phase && /fail|error/i.test(phase)) {
    return stopped("Operator", "OperatorFailed", `${described} is in phase ${phase}`);
  }
  const held = conditions.map(({ type }) => type).join(", ");
  return passed("Operator", held ? `${held}: True` : phase ? `phase ${phase}` : "has reported");
}

/** Conditions whose `True` is good news, by the conventions of Kubernetes, Crossplane and kstatus. */
const isExpected = (type: string): boolean => /^(Ready|Synced|Available|Healthy|Established|Succeeded)$/i.test(type);

function deletionFindings(consumer: DynamicObject, copy: DynamicObject | undefined, described: string): Finding[] {
  const finalizers = consumer.metadata.finalizers ?? [];
  const others = finalizers.filter((one) => one !== SYNC_FINALIZER);
  if (copy) {
    const held = copy.metadata.finalizers?.join(", ");
    const what = isDeleting(copy)
      ? `${described} is being deleted${held ? `, held by ${held}` : ""}`
      : `${described} is about to be deleted`;
    return [stopped("Deletion", "ProviderDeleting", what)];
  }
  if (finalizers.includes(SYNC_FINALIZER)) {
    return [stopped("Deletion", "ReleasePending", `There is no ${described} any more`)];
  }
  return [stopped("Deletion", "HeldByOthers", `Only finalizers of others hold it: ${others.join(", ")}`)];
}
