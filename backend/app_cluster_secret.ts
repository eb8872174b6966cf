import type { AppClusterBinding } from "../crds/app_cluster_binding.ts";
import { USABLE_FROM_ANNOTATION } from "../crds/names.ts";
import { fails, holds, type Reason } from "../crds/reasons.ts";
import type { ConditionState } from "../kube/conditions.ts";
import { messageOf } from "../kube/errors.ts";
import { kubeconfigText } from "../kube/kubeconfig_secret.ts";
import { parseReceivedKubeconfig } from "../kube/received_kubeconfig.ts";
import type { Secret } from "../kube/resources.ts";
import { annotationOf } from "../kube/types.ts";

/** What the Secret of an AppClusterBinding is good for. */
export interface JudgedSecret {
  condition: ConditionState;
  /** Base64, as in the Secret; absent unless it may and can be used. */
  kubeconfig?: string;
  /** Whether this AppClusterBinding may use the Secret at all. */
  isAllowed: boolean;
}

/**
 * Whether the Secret holds a kubeconfig that can be used safely, and whether it may be: whoever can write an
 * AppClusterBinding must not get at Secrets of namespaces that are none of theirs.
 */
export function judgeSecret({ metadata, spec }: AppClusterBinding, secret: Secret | undefined): JudgedSecret {
  const { namespace, name, key } = spec.kubeconfigSecretRef;
  const described = `Secret "${namespace}/${name}"`;
  const refuse = (reason: Reason<"AppClusterBinding", "SecretValid">, what: string): JudgedSecret => ({
    condition: fails("AppClusterBinding", "SecretValid", reason, `${described} ${what}`),
    isAllowed: reason !== "KubeconfigSecretNotAllowed",
  });
  if (namespace !== metadata.namespace && !isUsableFrom(secret, metadata.namespace!)) {
    // The same for one that does not exist: who may not use it shall not find out.
    return refuse("KubeconfigSecretNotAllowed", `is not for AppClusterBindings of namespace "${metadata.namespace}"`);
  }
  if (!secret) return refuse("KubeconfigSecretNotFound", "does not exist");
  const text = kubeconfigText(secret, key);
  if (text === undefined) return refuse("KubeconfigSecretInvalid", `has no text under "${key}"`);
  try {
    parseReceivedKubeconfig(text);
  } catch (error) {
    return refuse("KubeconfigSecretInvalid", `is of no use: ${messageOf(error)}`);
  }
  return { condition: holds("AppClusterBinding", "SecretValid"), kubeconfig: secret.data![key], isAllowed: true };
}

function isUsableFrom(secret: Secret | undefined, namespace: string): boolean {
  const allowed = secret && annotationOf(secret, USABLE_FROM_ANNOTATION);
  return allowed?.split(",").some((one) => ["*", namespace].includes(one.trim())) ?? false;
}
