import { X509Certificate } from "node:crypto";
import { ConfigError, messageOf } from "./errors.ts";

/**
 * Refuses client certificates that `Deno.createHttpClient` of Deno 2.6 does not survive: a key that belongs to another
 * certificate or is of an unknown kind, X.509 version 1, broken DER and others end the whole process there instead of
 * throwing, and kubeconfigs may come from tenants.
 *
 * @param certificate PEM, the chain beginning with the client's own certificate
 * @param key PEM, PKCS#1, PKCS#8 or SEC1
 * @param described where they came from
 * @throws {ConfigError} saying what is wrong with them
 */
export function checkClientCertificate(
  { certificate, key }: { certificate: string; key: string },
  described = "the cluster",
): void {
  checkPair({ cert: certificate, key }, { described, kind: "client " });
}

/**
 * Reads the first certificate of a chain, and refuses what a server cannot show to its clients.
 *
 * @param described where certificate and key came from
 * @throws {ConfigError} saying what is wrong with them
 */
export function parseServerCertificate(pair: Deno.TlsCertifiedKeyPem, described: string): X509Certificate {
  checkPair(pair, { described, kind: "" });
  try {
    return new X509Certificate(pair.cert);
  } catch (cause) { // rustls looks at less
    throw new ConfigError(`Cannot use ${described}: ${reasonOf(messageOf(cause), "")}`, { cause });
  }
}

function checkPair(pair: Deno.TlsCertifiedKeyPem, { described, kind }: { described: string; kind: "client " | "" }) {
  try {
    // A TLS listener takes a certificate and its key through the same checks of rustls, and throws where the client
    // ends the process. A parser of our own would only come close to them. Nobody can connect: it never accepts.
    Deno.listenTls({ hostname: "127.0.0.1", port: 0, ...pair }).close();
  } catch (cause) {
    const text = messageOf(cause);
    // No socket to be had says nothing about the certificate.
    if (/os error|--allow-net/.test(text)) throw new Error(`Cannot check the ${kind}certificate`, { cause });
    throw new ConfigError(`Cannot use ${described}: ${reasonOf(text, kind)}`, { cause });
  }
}

function reasonOf(text: string, kind: string): string {
  if (/KeyMismatch/.test(text)) return `the private key belongs to another ${kind}certificate`;
  if (/UnsupportedCertVersion/.test(text)) {
    return `the ${kind}certificate is of X.509 version 1; issue one of version 3`;
  }
  if (/No certificates found|decode certificate/.test(text)) return `the ${kind}certificate is not PEM encoded`;
  if (/No keys found|decode key/.test(text)) {
    return `the ${kind}key is not a PEM encoded private key without a password`;
  }
  if (/parse private key/.test(text)) {
    return `the ${kind}key is none of RSA (from 2048 bits), ECDSA (P-256, P-384, P-521) and Ed25519`;
  }
  return `the ${kind}certificate is not a valid X.509 certificate`;
}

/**
 * Refuses CA data that `fetch` could not use, so that it is reported where it came from and not by the first request.
 *
 * @param caData PEM, one or more certificates
 * @param described where it came from
 * @throws {ConfigError}
 */
export function checkAuthority(caData: string, described = "the cluster"): void {
  const refuse = (why: string, options?: ErrorOptions) =>
    new ConfigError(`Cannot use ${described}: its certificate authority ${why}`, options);
  if (!caData.includes("-----BEGIN CERTIFICATE-----")) throw refuse("is not PEM");
  try {
    Deno.createHttpClient({ caCerts: [caData] }).close();
  } catch (cause) {
    throw refuse("holds something else than X.509 certificates", { cause });
  }
}
