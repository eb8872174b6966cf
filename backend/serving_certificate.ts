import { type Clock, systemClock } from "../kube/clock.ts";
import type { Log } from "../kube/log.ts";
import { parseServerCertificate } from "../kube/x509.ts";
import { readText } from "./external_access.ts";

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

/** Files are read and not watched: those of a mounted Secret change by a link above them. */
const POLL_MS = 10_000;
const SOON_MS = 24 * 3_600_000;
const NOT_RENEWED = "cannot renew the serving certificate, so the one before stays: " +
  "the files have to hold a certificate and its key";

/** @throws {ConfigError} naming flags and files, when these cannot be read or served with */
export async function readServingCertificate(files: TlsFiles): Promise<ServingCertificate> {
  return toCertificate(await readPair(files), files);
}

/**
 * Renews the certificate whenever the files hold another one, until the signal fires. What does not fit together, as
 * while they are written one after the other, changes nothing and is told once.
 */
export async function followServingCertificate(
  { files, served, renew, log, clock = systemClock }: FollowOptions,
  signal: AbortSignal,
): Promise<void> {
  let refused: string | undefined;
  warnOfEnd();
  while (true) {
    await clock.sleep(POLL_MS, signal);
    let content = ""; // of files that cannot be read
    try {
      const pair = await readPair(files);
      content = contentOf(pair);
      if (content === contentOf(served.certificate.pair)) continue;
      const next = toCertificate(pair, files);
      renew(next);
      served.certificate = next;
    } catch (error) {
      if (content !== refused) log.warn(NOT_RENEWED, { error });
      refused = content;
      continue;
    }
    const { subject, serialNumber, notAfter } = served.certificate;
    log.info("serving certificate renewed", { subject, serialNumber, notAfter });
    warnOfEnd();
  }

  function warnOfEnd() {
    const { subject, serialNumber, notAfter } = served.certificate;
    if (notAfter.getTime() - clock.now().getTime() > SOON_MS) return;
    log.warn("the serving certificate has ended or is about to: renew it", { subject, serialNumber, notAfter });
  }
}

async function readPair({ certFile, keyFile }: TlsFiles): Promise<Deno.TlsCertifiedKeyPem> {
  return { cert: await readText(certFile, "--tls-cert-file"), key: await readText(keyFile, "--tls-key-file") };
}

const contentOf = ({ cert, key }: Deno.TlsCertifiedKeyPem) => `${cert}\n${key}`;

function toCertificate(pair: Deno.TlsCertifiedKeyPem, { certFile, keyFile }: TlsFiles): ServingCertificate {
  const described = `"${certFile}" (--tls-cert-file) and "${keyFile}" (--tls-key-file)`;
  const { subject, serialNumber, validToDate } = parseServerCertificate(pair, described);
  return { pair, subject, serialNumber, notAfter: validToDate };
}
