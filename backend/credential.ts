import type { ClusterBinding } from "../crds/cluster_binding.ts";
import { BINDER, KUBECONFIG, REPLACED_AT_ANNOTATION } from "../crds/names.ts";
import type { KubeClient } from "../kube/client.ts";
import type { Outcome } from "../kube/controller.ts";
import { isConflict, isNotFound } from "../kube/errors.ts";
import type { Informer } from "../kube/informer.ts";
import type { Log } from "../kube/log.ts";
import { type Namespace, type Secret, SECRETS, SERVICE_ACCOUNTS } from "../kube/resources.ts";
import { readToken, requestToken } from "../kube/service_account_token.ts";
import { formatTime } from "../kube/time.ts";
import { annotationOf, isDeleting, type ObjectKey } from "../kube/types.ts";
import { type Audit, type AuditRecord, whoseOf } from "./audit.ts";
import { type Credential, type LegacyToken, planCredential, planLegacyToken } from "./credential_plan.ts";
import { isFromControlPlane, lastSeen } from "./cluster_binding_plan.ts";
import { ensureObject } from "./ensure.ts";
import { type ExternalAccess, tenantKubeconfig, toBase64 } from "./tenant_kubeconfig.ts";

export interface CredentialDeps {
  client: KubeClient;
  external: ExternalAccess;
  tokenLifetimeMs: number;
  audit: Audit;
  log: Log;
  now?: () => Date;
}

/**
 * The kubeconfig that a login hands out: the one of before while it is good for a while, otherwise a new one, which the
 * Secret holds from then on. Its token ends with the Secret: whoever deletes the Secret takes the access away.
 *
 * @param secret may be missing
 * @param identity for the audit log
 */
export async function ensureCredential(
  deps: CredentialDeps,
  secret: ObjectKey,
  identity: string,
  signal: AbortSignal,
): Promise<Credential> {
  const { client, external, now = () => new Date() } = deps;
  const namespace = secret.namespace!;
  const accounts = client.api(SERVICE_ACCOUNTS);
  const secrets = client.api<Secret>(SECRETS);
  const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { namespace, name: BINDER } };
  const [{ metadata: { uid: accountUid } }, first] = await Promise.all([
    ensureObject(accounts, account, signal),
    ensureObject(secrets, { apiVersion: "v1", kind: "Secret", metadata: secret }, signal),
  ]);
  let current = first;
  while (true) {
    const plan = planCredential({ namespace, secret: current, external, accountUid }, now());
    if (plan.do === "keep") return plan.credential;
    try {
      return await issue(deps, current, { namespace, identity, why: plan.why }, signal);
    } catch (error) {
      if (!isConflict(error)) throw error; // another login of the same user was faster: its credential will do
    }
    current = await secrets.get(secret, signal);
  }
}

async function issue(
  { client, external, tokenLifetimeMs, audit }: CredentialDeps,
  secret: Secret,
  record: AuditRecord,
  signal: AbortSignal,
): Promise<Credential> {
  const { namespace, name, uid, resourceVersion } = secret.metadata;
  const lifetimeSeconds = Math.round(tokenLifetimeMs / 1000);
  const account = { namespace, name: BINDER };
  const token = await requestToken(client, account, { lifetimeSeconds, secret: { name, uid: uid! } }, signal);
  const kubeconfig = tenantKubeconfig(external, { namespace: namespace!, token });
  const data = { [KUBECONFIG]: toBase64(kubeconfig) };
  await client.api<Secret>(SECRETS)
    .mergePatch({ namespace, name }, { metadata: { uid, resourceVersion }, data }, {}, signal);
  const { credentialId, expiresAt } = readToken(token) ?? {};
  audit("credential issued", { ...record, id: credentialId, expires: expiresAt });
  return { kubeconfig, credentialId };
}

export interface CredentialControllerDeps extends CredentialDeps {
  clusterBindings: Informer<ClusterBinding>;
  namespaces: Informer<Namespace>;
  legacyTokens: Informer<Secret, LegacyToken>;
}

/** What is kept of a Secret with a token without end: not the token. */
export function toLegacyToken(secret: Secret): LegacyToken {
  const replacedAt = annotationOf(secret, REPLACED_AT_ANNOTATION);
  return { uid: secret.metadata.uid!, ...(replacedAt && { replacedAt: new Date(replacedAt) }) };
}

/**
 * Renews the credential of one app cluster when half of its time is over; the konnector takes it over from the Secret. A
 * credential that was taken away is not replaced: that takes a login.
 *
 * @param key of the ClusterBinding
 */
export async function reconcileCredential(
  deps: CredentialControllerDeps,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<Outcome> {
  const { client, clusterBindings, namespaces, external, now = () => new Date() } = deps;
  const binding = clusterBindings.store.get(key);
  if (!binding || isDeleting(binding) || isFromControlPlane(binding)) return;
  const namespace = key.namespace!;
  const secretKey = { namespace, name: binding.spec.kubeconfigSecretRef.name };
  const secret = await client.api<Secret>(SECRETS).find(secretKey, signal);
  if (!secret || isDeleting(secret)) return;

  const plan = planCredential({ namespace, secret, external }, now());
  if (plan.do === "leave") return;
  if (plan.do === "issue") {
    try {
      await issue(deps, secret, { ...whoseOf(namespaces.store, namespace), why: plan.why }, signal);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      return deps.log.warn("credential not renewed: its Secret or ServiceAccount is gone", { namespace });
    }
    return { requeueAfterMs: 1000 }; // the next pass reads what is there now
  }
  const legacyMs = await endLegacyToken(deps, binding, signal);
  return { requeueAfterMs: Math.min(plan.renewInMs, legacyMs) };
}

/** @returns milliseconds until it has to be looked at again */
async function endLegacyToken(
  deps: CredentialControllerDeps,
  binding: ClusterBinding,
  signal: AbortSignal,
): Promise<number> {
  const { client, legacyTokens, namespaces, tokenLifetimeMs: lifetimeMs, audit, now = () => new Date() } = deps;
  const namespace = binding.metadata.namespace!;
  const key = { namespace, name: BINDER };
  const legacy = legacyTokens.store.get(key);
  if (!legacy) return Infinity;
  const secrets = client.api<Secret>(SECRETS);
  const { uid, replacedAt } = legacy;
  if (!replacedAt) {
    const annotations = { [REPLACED_AT_ANNOTATION]: formatTime(now()) };
    await secrets.mergePatch(key, { metadata: { uid, annotations } }, {}, signal);
    return Infinity; // its event comes back here
  }
  const restMs = planLegacyToken(replacedAt, { seenAt: lastSeen(binding, now()), lifetimeMs }, now());
  if (restMs > 0) return restMs;
  await secrets.delete(key, { uid }, signal);
  audit("credential without end taken back", whoseOf(namespaces.store, namespace));
  return Infinity;
}
