import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { ConfigError } from "./errors.ts";

/**
 * Refuses client certificates that `Deno.createHttpClient` of Deno 2.6 does not survive: garbage, a key that belongs to
 * another certificate, and X.509 version 1 end the whole process there instead of throwing, and kubeconfigs may come
 * from tenants.
 *
 * @param certificate PEM; only its first certificate is looked at
 * @param key PEM, PKCS#1, PKCS#8 or SEC1
 * @throws {ConfigError} saying which of the three it is
 */
export function checkClientCertificate({ certificate, key }: { certificate: string; key: string }): void {
  let publicKey: string;
  try {
    const parsed = new X509Certificate(certificate);
    publicKey = parsed.publicKey.export({ type: "spki", format: "pem" }).toString();
  } catch (cause) {
    throw new ConfigError("Cannot use the client certificate: it is not a PEM encoded X.509 certificate", { cause });
  }
  if (!isVersion3(certificate)) {
    throw new ConfigError("Cannot use the client certificate: it is of X.509 version 1; issue one of version 3");
  }
  let expected: string;
  try {
    const privateKey = createPrivateKey(key);
    expected = createPublicKey(privateKey as never).export({ type: "spki", format: "pem" }).toString();
  } catch (cause) {
    throw new ConfigError("Cannot use the client certificate: its key is not a PEM encoded private key", { cause });
  }
  if (expected !== publicKey) {
    throw new ConfigError("Cannot use the client certificate: the private key belongs to another certificate");
  }
}

/** Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { version [0] EXPLICIT … } }: only versions 2 and 3 carry the tag. */
function isVersion3(pem: string): boolean {
  const base64 = /-----BEGIN CERTIFICATE-----([^-]+)-----END/.exec(pem)?.[1] ?? "";
  const der = Uint8Array.from(atob(base64.replace(/\s/g, "")), (character) => character.charCodeAt(0));
  const headerLength = (at: number) => {
    const length = der[at + 1] ?? 0;
    return length < 0x80 ? 2 : 2 + (length & 0x7f);
  };
  const tbsCertificate = headerLength(0);
  return der[tbsCertificate + headerLength(tbsCertificate)] === 0xa0;
}
