import { parse } from "yaml";
import { BINDER, KUBECONFIG } from "../crds/names.ts";
import type { Secret } from "../kube/resources.ts";
import { readToken } from "../kube/service_account_token.ts";
import { type ExternalAccess, fromBase64, tenantKubeconfig } from "./tenant_kubeconfig.ts";

/** The kubeconfig Secret of one app cluster, and what it has to fit. */
export interface CredentialView {
  /** The cluster namespace. */
  namespace: string;
  secret: Secret;
  external: ExternalAccess;
  /** Of the ServiceAccount; absent where nobody looked. */
  accountUid?: string;
}

/** With which an app cluster reaches the provider. */
export interface Credential {
  /** YAML. */
  kubeconfig: string;
  /** How the API server's audit log calls its token. */
  credentialId?: string;
}

export type CredentialPlan =
  | { do: "keep"; credential: Credential; renewInMs: number }
  | { do: "issue"; why: string }
  /** Somebody else's: only a login replaces it. */
  | { do: "leave"; why: string };

/** Whether an app cluster's credential is good for a while, or another one has to be issued. */
export function planCredential({ namespace, secret, external, accountUid }: CredentialView, now: Date): CredentialPlan {
  const kubeconfig = fromBase64(secret.data?.[KUBECONFIG] ?? "");
  const token = tokenOf(kubeconfig);
  const claims = token && readToken(token);
  if (!claims || claims.subject !== `system:serviceaccount:${namespace}:${BINDER}`) {
    return { do: "leave", why: `it holds no token of ServiceAccount "${namespace}/${BINDER}"` };
  }
  if (!claims.expiresAt || !claims.issuedAt) return { do: "issue", why: "the one before has no end" };
  if (claims.secretUid !== secret.metadata.uid) return { do: "issue", why: "the one before ended with its Secret" };
  if (accountUid && claims.accountUid !== accountUid) {
    return { do: "issue", why: "the one before ended with its ServiceAccount" };
  }
  if (kubeconfig !== tenantKubeconfig(external, { namespace, token })) {
    return { do: "issue", why: "app clusters reach the API server in another way" };
  }
  const renewInMs = halfLife(claims.issuedAt, claims.expiresAt) - now.getTime();
  if (renewInMs <= 0) return { do: "issue", why: "half of its time is over" };
  return { do: "keep", credential: { kubeconfig, credentialId: claims.credentialId }, renewInMs };
}

const halfLife = (from: Date, to: Date): number => (from.getTime() + to.getTime()) / 2;

function tokenOf(kubeconfig: string): string | undefined {
  try {
    const token: unknown = parse(kubeconfig, { maxAliasCount: 0, logLevel: "error" })?.users?.[0]?.user?.token;
    return typeof token === "string" ? token : undefined;
  } catch {
    return undefined;
  }
}

/** The token without end that a contract had before ours, in a Secret of its own. */
export interface LegacyToken {
  uid: string;
  /** When another credential was put in its place; absent while it is in use. */
  replacedAt?: Date;
}

/** A konnector that reports so long after the change has taken the new credential over: it does so before it reports. */
const TAKE_OVER_MS = 10 * 60_000;

/**
 * When a replaced token can go: an app cluster that reports has the new one by then; one that is silent gets as much
 * time as a credential lasts.
 *
 * @returns 0 for now, otherwise milliseconds until time alone is enough
 */
export function planLegacyToken(
  replacedAt: Date,
  { seenAt, lifetimeMs }: { seenAt?: Date; lifetimeMs: number },
  now: Date,
): number {
  if (seenAt && seenAt.getTime() >= replacedAt.getTime() + TAKE_OVER_MS) return 0;
  return Math.max(0, replacedAt.getTime() + lifetimeMs - now.getTime());
}
