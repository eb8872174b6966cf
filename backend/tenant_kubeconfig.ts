import { stringify } from "yaml";

/** How app clusters reach the provider's API server. */
export interface ExternalAccess {
  /** `https://host:port` */
  server: string;
  /** PEM, which may be renewed meanwhile; without it the app cluster's own roots have to do. */
  caData?: string;
  /** Name to verify the server's certificate against, if not the one in `server`. */
  tlsServerName?: string;
}

/** The kubeconfig of one app cluster, as YAML. */
export function tenantKubeconfig(
  { server, caData, tlsServerName }: ExternalAccess,
  { namespace, token }: { namespace: string; token: string },
): string {
  const cluster = {
    ...(caData && { "certificate-authority-data": toBase64(caData) }),
    server,
    ...(tlsServerName && { "tls-server-name": tlsServerName }),
  };
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "default", cluster }],
    contexts: [{ name: "default", context: { cluster: "default", namespace, user: "default" } }],
    users: [{ name: "default", user: { token } }],
    "current-context": "default",
  }, { lineWidth: 0 });
}

/** Base64 of a text, whatever its characters. */
export const toBase64 = (text: string): string => new TextEncoder().encode(text).toBase64();

/** The text behind a Secret's value, which API servers have checked to be Base64. */
export const fromBase64 = (data: string): string => new TextDecoder().decode(Uint8Array.fromBase64(data));
