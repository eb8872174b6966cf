import type { KubeClient } from "./client.ts";
import { isFields } from "./kubeconfig_entry.ts";
import { formatKey, type ObjectKey } from "./types.ts";

export interface TokenRequest {
  /** API servers refuse less than 600, and may shorten what is more than they allow. */
  lifetimeSeconds: number;
  /** The token ends with this Secret, at the latest. */
  secret: { name: string; uid: string };
}

/**
 * A token of a ServiceAccount, which the API server keeps no copy of.
 *
 * @throws {KubeError} 404 when there is no such ServiceAccount, 409 when there is no such Secret
 * @see https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
 */
export async function requestToken(
  client: KubeClient,
  { namespace, name }: ObjectKey,
  { lifetimeSeconds, secret }: TokenRequest,
  signal: AbortSignal,
): Promise<string> {
  const body = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: {
      expirationSeconds: lifetimeSeconds,
      boundObjectRef: { apiVersion: "v1", kind: "Secret", ...secret },
    },
  };
  const path = ["api", "v1", "namespaces", namespace!, "serviceaccounts", name, "token"].map(encodeURIComponent);
  const action = `request a token for ServiceAccount "${formatKey({ namespace, name })}"`;
  const answer = await client.request<{ status: { token: string } }>(
    "POST",
    `/${path.join("/")}`,
    { body, action },
    signal,
  );
  return answer.status.token;
}

/** What a ServiceAccount's token says about itself; nobody has verified it. */
export interface TokenClaims {
  /** `system:serviceaccount:<namespace>:<name>` */
  subject: string;
  accountUid?: string;
  /** Of the Secret it ends with; absent for one without end. */
  secretUid?: string;
  /** Both absent for a token that is valid as long as its Secret exists. */
  issuedAt?: Date;
  expiresAt?: Date;
  /** What audit logs of API servers call it, e.g. `JTI=1b2c…`. */
  credentialId?: string;
}

/** Reads a token without verifying it; undefined for what is none of a ServiceAccount. */
export function readToken(token: string): TokenClaims | undefined {
  const claims = payloadOf(token);
  if (!isFields(claims) || typeof claims.sub !== "string") return undefined;
  const bound = isFields(claims["kubernetes.io"]) ? claims["kubernetes.io"] : {};
  const uidOf = (object: unknown) => isFields(object) && typeof object.uid === "string" ? object.uid : undefined;
  const dateOf = (seconds: unknown) => typeof seconds === "number" ? new Date(seconds * 1000) : undefined;
  return {
    subject: claims.sub,
    accountUid: uidOf(bound.serviceaccount),
    secretUid: uidOf(bound.secret),
    issuedAt: dateOf(claims.iat),
    expiresAt: dateOf(claims.exp),
    credentialId: typeof claims.jti === "string" ? `JTI=${claims.jti}` : undefined,
  };
}

function payloadOf(token: string): unknown {
  const [, payload = ""] = token.split(".");
  try {
    return JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(payload, { alphabet: "base64url" })));
  } catch {
    return undefined; // not a JWT
  }
}
