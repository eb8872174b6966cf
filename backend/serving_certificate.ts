import { type Clock, systemClock } from "../kube/clock.ts";
import type { Log } from "../kube/log.ts";
import { parseServerCertificate } from "../kube/x509.ts";
import { readText } from "./external_access.ts";
import { followFiles } from "./followed_files.ts";

/** Where certificate chain and private key are, PEM. */
export interface TlsFiles {
  certFile: string;
  keyFile: string;
}

/** What the public listener shows to its clients; `subject` is e.g. `CN=klutch.example.com`. */
export interface ServingCertificate {
  pair: Deno.TlsCertifiedKeyPem;
  subject: string;
  serialNumber: string;
  notAfter: Date;
}

export interface FollowOptions {
  files: TlsFiles;
  /** What is served with, kept up to date. */
  served: { certificate: ServingCertificate };
  renew: (certificate: ServingCertificate) => void;
  log: Log;
  clock?: Clock;
}

const SOON_MS = 24 * 3_600_000;
const NOT_RENEWED = "cannot renew the serving certificate, so the one before stays: " +
  "the files have to hold a certificate and its key";

/** @throws {ConfigError} naming flags and files, when these cannot be read or served with */
export async function readServingCertificate(files: TlsFiles): Promise<ServingCertificate> {
  return toCertificate(await readPair(files), files);
}

/** Renews the certificate whenever the files hold another one, and warns of its end, until the signal fires. */
export async function followServingCertificate(
  { files, served, renew, log, clock = systemClock }: FollowOptions,
  signal: AbortSignal,
): Promise<void> {
  let warnedOf: ServingCertificate | undefined;
  warnOfEnd();
  await followFiles({
    read: () => readPair(files),
    current: served.certificate.pair,
    renew(pair) {
      const next = toCertificate(pair, files);
      renew(next);
      served.certificate = next;
      const { subject, serialNumber, notAfter } = next;
      log.info("serving certificate renewed", { subject, serialNumber, notAfter });
    },
    refusal: NOT_RENEWED,
    onLook: warnOfEnd,
    log,
    clock,
  }, signal);

  function warnOfEnd() {
    const { subject, serialNumber, notAfter } = served.certificate;
    if (warnedOf === served.certificate || notAfter.getTime() - clock.now().getTime() > SOON_MS) return;
    warnedOf = served.certificate;
    log.warn("the serving certificate has ended or is about to: renew it", { subject, serialNumber, notAfter });
  }
}

async function readPair({ certFile, keyFile }: TlsFiles): Promise<Deno.TlsCertifiedKeyPem> {
  return { cert: await readText(certFile, "--tls-cert-file"), key: await readText(keyFile, "--tls-key-file") };
}

function toCertificate(pair: Deno.TlsCertifiedKeyPem, { certFile, keyFile }: TlsFiles): ServingCertificate {
  const described = `"${certFile}" (--tls-cert-file) and "${keyFile}" (--tls-key-file)`;
  const { subject, serialNumber, validToDate } = parseServerCertificate(pair, described);
  return { pair, subject, serialNumber, notAfter: validToDate };
}
