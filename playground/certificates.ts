// @peculiar/x509 builds on tsyringe, which needs this polyfill loaded before it.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";

/** A certificate and its private key (PKCS #8), both PEM. */
export interface KeyPair {
  certificate: string;
  key: string;
}

/** Issues certificates of one test CA; its key never leaves this process. */
export interface TestAuthority {
  /** PEM, to be trusted by clients. */
  readonly certificate: string;
  /** For a server that is reached under any of these DNS names and IP addresses. */
  issueServer(names: { dns: string[]; ip: string[] }): Promise<KeyPair>;
  /** For a Kubernetes user: common name and organizations, i.e. groups. */
  issueClient(user: string, groups?: string[], algorithm?: KeyAlgorithm): Promise<KeyPair>;
}

/** What kind of key a certificate is for, as in WebCrypto; by default ECDSA on P-256. */
export type KeyAlgorithm = RsaHashedKeyGenParams | EcKeyGenParams | { name: "Ed25519" };

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const LIFETIME_MS = 30 * 24 * 3600 * 1000;
const CLOCK_SKEW_MS = 5 * 60 * 1000;

/** A new CA with a new key; `name` ends up in its subject. */
export async function createTestAuthority(name: string): Promise<TestAuthority> {
  const keys = await newKeys();
  const subject: x509.JsonName = [{ CN: [name] }];
  const self = await x509.X509CertificateGenerator.createSelfSigned({
    name: subject,
    ...validity(),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });

  const issue = async (
    subject: x509.JsonName,
    extensions: x509.Extension[],
    algorithm?: KeyAlgorithm,
  ): Promise<KeyPair> => {
    const own = await newKeys(algorithm);
    const certificate = await x509.X509CertificateGenerator.create({
      subject,
      issuer: self.subject,
      ...validity(),
      signingAlgorithm: ALGORITHM,
      signingKey: keys.privateKey,
      publicKey: own.publicKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
        ...extensions,
      ],
    });
    const key = await crypto.subtle.exportKey("pkcs8", own.privateKey);
    return { certificate: certificate.toString("pem"), key: x509.PemConverter.encode(key, "PRIVATE KEY") };
  };

  return {
    certificate: self.toString("pem"),
    issueServer: ({ dns, ip }) =>
      issue([{ CN: [dns[0] ?? ip[0] ?? name] }], [
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension([
          ...dns.map((value) => ({ type: "dns" as const, value })),
          ...ip.map((value) => ({ type: "ip" as const, value })),
        ]),
      ]),
    issueClient: (user, groups = [], algorithm) =>
      issue([...groups.map((group) => ({ O: [group] })), { CN: [user] }], [
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
      ], algorithm),
  };
}

/** An RSA private key (PKCS #8, PEM) with which an API server signs service account tokens. */
export async function createSigningKey(): Promise<string> {
  const { privateKey } = await crypto.subtle.generateKey(
    { name: "RSASSA-PKCS1-v1_5", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" },
    true,
    ["sign", "verify"],
  );
  return x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", privateKey), "PRIVATE KEY");
}

const newKeys = (algorithm: KeyAlgorithm = ALGORITHM) =>
  crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]) as Promise<CryptoKeyPair>;

const validity = () => ({
  notBefore: new Date(Date.now() - CLOCK_SKEW_MS),
  notAfter: new Date(Date.now() + LIFETIME_MS),
});
