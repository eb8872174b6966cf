import type { ClusterBinding } from "../crds/cluster_binding.ts";
import { CLUSTER_BINDING_NAME } from "../crds/names.ts";
import { fails, holds } from "../crds/reasons.ts";
import type { ClusterSecretKeyRef } from "../crds/shared.ts";
import type { Api } from "../kube/api.ts";
import type { KubeClient } from "../kube/client.ts";
import { setCondition, summarize } from "../kube/conditions.ts";
import type { Outcome } from "../kube/controller.ts";
import { ConfigError, isAlreadyExists, isConflict, KubeError, messageOf } from "../kube/errors.ts";
import type { Informer } from "../kube/informer.ts";
import { deepEqual } from "../kube/json.ts";
import { kubeconfigText } from "../kube/kubeconfig_secret.ts";
import type { Log } from "../kube/log.ts";
import { type Secret, SECRETS } from "../kube/resources.ts";
import { patchStatus } from "../kube/status.ts";
import { formatKey } from "../kube/types.ts";
import { receivedTarget } from "./received_target.ts";

const KIND = "ClusterBinding";

/** How often the provider is promised a sign of life. */
const INTERVAL_MS = 5 * 60_000;
const INTERVAL_TEXT = "5m0s"; // as Go prints a duration
/** It is sent twice as often, so that one may get lost. */
const RENEW_AFTER_MS = INTERVAL_MS / 2;

/** Nobody tells when what keeps the kubeconfig from being copied is gone. */
const COPY_RETRY_MS = 30_000;

/** How the last heartbeat went; both absent before the first. */
export interface Heartbeat {
  sentAt?: Date;
  trouble?: string;
}

export interface HeartbeatDeps {
  provider: {
    readonly client: KubeClient;
    readonly namespace: string;
    readonly clusterBindings: Informer<ClusterBinding>;
    readonly heartbeat: Heartbeat;
  };
  consumerSecrets: Api<Secret>;
  /** Absent: the kubeconfig is not ours to keep up to date. */
  secretRef?: ClusterSecretKeyRef;
  version: string;
  log: Log;
  /** The heartbeat began to fail, or to work. */
  onChange: () => void;
  now?: () => Date;
}

/** Tells the provider that this konnector lives, and takes a renewed kubeconfig over from it. */
export async function reconcileHeartbeat(deps: HeartbeatDeps, signal: AbortSignal): Promise<Outcome> {
  const { provider, now = () => new Date() } = deps;
  const key = { namespace: provider.namespace, name: CLUSTER_BINDING_NAME };
  const binding = provider.clusterBindings.store.get(key);
  if (!binding) return;
  const secret = deps.secretRef && await tryTakeOver(deps, binding, deps.secretRef, signal);
  const status = nextStatus(binding, secret, deps.version, now());
  if (!deepEqual(status, binding.status)) {
    try {
      await patchStatus(provider.clusterBindings.api, binding, status, signal);
      report(deps, { sentAt: now() });
    } catch (error) {
      report(deps, { ...provider.heartbeat, trouble: messageOf(error) });
      throw error;
    }
  } else report(deps, { sentAt: provider.heartbeat.sentAt ?? now() });
  const sentAt = Date.parse(status.lastHeartbeatTime ?? "");
  const isCopied = typeof secret === "string" || secret?.reason !== "SecretNotCopied";
  const dueMs = isCopied ? Infinity : COPY_RETRY_MS;
  return { requeueAfterMs: Math.max(1000, Math.min(sentAt + RENEW_AFTER_MS - now().getTime(), dueMs)) };
}

function report({ provider: { heartbeat }, onChange }: HeartbeatDeps, { sentAt, trouble }: Heartbeat): void {
  const changed = heartbeat.trouble !== trouble || !heartbeat.sentAt;
  Object.assign(heartbeat, { sentAt, trouble });
  if (changed) onChange();
}

/** What became of the kubeconfig on the provider. */
type SecretState = "valid" | {
  reason: "ProviderSecretNotFound" | "ProviderSecretInvalid" | "SecretNotCopied";
  message: string;
};

function nextStatus(
  binding: ClusterBinding,
  secret: SecretState | undefined,
  version: string,
  now: Date,
): NonNullable<ClusterBinding["status"]> {
  const last = Date.parse(binding.status?.lastHeartbeatTime ?? "");
  const isDue = !(now.getTime() - last < RENEW_AFTER_MS);
  let conditions = binding.status?.conditions ?? [];
  if (secret) {
    const condition = secret === "valid"
      ? holds(KIND, "SecretValid")
      : fails(KIND, "SecretValid", secret.reason, secret.message);
    conditions = setCondition(conditions, condition, now);
  }
  conditions = setCondition(conditions, holds(KIND, "ValidVersion"), now);
  return {
    ...binding.status,
    heartbeatInterval: INTERVAL_TEXT,
    lastHeartbeatTime: isDue ? now.toISOString().replace(/\.\d+Z$/, "Z") : binding.status!.lastHeartbeatTime,
    konnectorVersion: version,
    conditions: summarize(conditions, now),
  };
}

/** What a cluster refuses is told; a konnector that cannot renew its kubeconfig lives all the same. */
async function tryTakeOver(
  deps: HeartbeatDeps,
  binding: ClusterBinding,
  ref: ClusterSecretKeyRef,
  signal: AbortSignal,
): Promise<SecretState> {
  try {
    return await takeOverKubeconfig(deps, binding, ref, signal);
  } catch (error) {
    if (signal.aborted || !(error instanceof KubeError) || isConflict(error) || isAlreadyExists(error)) throw error;
    deps.log.warn("kubeconfig not taken over from the provider, trying again", { error });
    return { reason: "SecretNotCopied", message: messageOf(error) };
  }
}

/**
 * Copies the provider's kubeconfig Secret into the app cluster when it differs: this is how renewed credentials get
 * here. One that could not be used is not copied, as it would cut the way on which its correction arrives.
 */
async function takeOverKubeconfig(
  { provider, consumerSecrets, log }: HeartbeatDeps,
  { spec: { kubeconfigSecretRef: { name, key } } }: ClusterBinding,
  ref: ClusterSecretKeyRef,
  signal: AbortSignal,
): Promise<SecretState> {
  const source = { namespace: provider.namespace, name };
  const secret = await provider.client.api<Secret>(SECRETS).find(source, signal);
  const described = `Secret "${formatKey(source)}" on the provider`;
  if (!secret) return { reason: "ProviderSecretNotFound", message: `${described} does not exist` };
  const text = kubeconfigText(secret, key);
  if (text === undefined) {
    return { reason: "ProviderSecretInvalid", message: `${described} has no key "${key}"` };
  }
  try {
    receivedTarget(text);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { reason: "ProviderSecretInvalid", message: `${described}: ${messageOf(error)}` };
  }
  const data = { [ref.key]: secret.data![key]! };
  const target = { namespace: ref.namespace, name: ref.name };
  const copy = await consumerSecrets.find(target, signal);
  if (!copy) {
    await consumerSecrets.create(
      { apiVersion: "v1", kind: "Secret", metadata: target, type: secret.type, data },
      signal,
    );
  } else if (copy.data?.[ref.key] !== data[ref.key]) {
    const { uid, resourceVersion } = copy.metadata;
    await consumerSecrets.mergePatch(target, { metadata: { uid, resourceVersion }, data }, {}, signal);
  } else return "valid";
  log.info("kubeconfig taken over from the provider", { secret: formatKey(target) });
  return "valid";
}
