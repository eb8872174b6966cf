import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { createTestAuthority, type KeyAlgorithm, type KeyPair } from "../playground/certificates.ts";
import { ConfigError } from "./errors.ts";
import { checkAuthority, checkClientCertificate, parseServerCertificate } from "./x509.ts";

const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: "SHA-256",
};
const P384 = { name: "ECDSA", namedCurve: "P-384" };

const authority = await createTestAuthority("test CA");
const issue = (algorithm?: KeyAlgorithm) => authority.issueClient("user", [], algorithm);
const [ec, ec384, otherEc, rsa, shortRsa, ed25519] = await Promise.all([
  issue(),
  issue(P384),
  issue(),
  issue(RSA),
  issue({ ...RSA, modulusLength: 1024 }),
  issue({ name: "Ed25519" }),
]);

const rewrite = (key: string, type: "pkcs1" | "sec1") =>
  createPrivateKey(key).export({ type, format: "pem" }).toString();
const relabel = (key: string, label: string) => key.replaceAll("PRIVATE KEY", `${label} PRIVATE KEY`);

const good: [name: string, pair: KeyPair][] = [
  ["ECDSA, PKCS#8", ec],
  ["ECDSA, SEC1", { ...ec, key: rewrite(ec.key, "sec1") }],
  ["ECDSA on P-384, SEC1", { ...ec384, key: rewrite(ec384.key, "sec1") }],
  ["RSA, PKCS#8", rsa],
  ["RSA, PKCS#1", { ...rsa, key: rewrite(rsa.key, "pkcs1") }],
  ["Ed25519", ed25519],
  ["a chain", { ...ec, certificate: ec.certificate + "\n" + authority.certificate }],
  ["Windows line ends", { certificate: crlf(ec.certificate), key: crlf(ec.key) }],
  ["a text in front, as openssl writes it", { ...ec, certificate: "subject=CN = user\n" + ec.certificate }],
  ["the parameters in front of an EC key", {
    ...ec,
    key: `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${rewrite(ec.key, "sec1")}`,
  }],
];

const bad: [name: string, pair: KeyPair, reason: RegExp][] = [
  ["nothing", { certificate: "", key: "" }, /client certificate is not PEM encoded/],
  ["garbage for a certificate", { ...ec, certificate: "garbage" }, /client certificate is not PEM encoded/],
  ["garbage inside PEM", { ...ec, certificate: pem("CERTIFICATE", new Uint8Array(90)) }, /not a valid X.509/],
  [
    "no base64 inside PEM",
    { ...ec, certificate: ec.certificate.replace(/MII/, "!!!") },
    /client certificate is not PEM encoded/,
  ],
  ["garbage for a key", { ...ec, key: "garbage" }, /key is not a PEM encoded private key/],
  ["an encrypted key", { ...ec, key: relabel(ec.key, "ENCRYPTED") }, /without a password/],
  ["garbage inside the key's PEM", { ...ec, key: pem("PRIVATE KEY", new Uint8Array(90)) }, /none of RSA/],
  ["a key labelled as another kind", { ...ec, key: relabel(ec.key, "RSA") }, /none of RSA/],
  ["an RSA key that is too short", shortRsa, /none of RSA \(from 2048 bits\)/],
  ["a key of another certificate", { ...ec, key: otherEc.key }, /belongs to another client certificate/],
  ["a key of another kind", { ...ec, key: rsa.key }, /belongs to another client certificate/],
  ["two keys, the wrong one first", { ...ec, key: otherEc.key + ec.key }, /belongs to another client certificate/],
  ["the key as the certificate", { certificate: ec.key, key: ec.key }, /client certificate is not PEM encoded/],
  ["X.509 version 1", { ...ec, certificate: asVersion1(ec.certificate) }, /version 1; issue one of version 3/],
];

for (const [name, pair] of good) {
  Deno.test(`a client certificate is accepted: ${name}`, () => checkClientCertificate(pair));
}

for (const [name, pair, reason] of bad) {
  Deno.test(`a client certificate is refused, saying why: ${name}`, () => {
    assert.throws(
      () => checkClientCertificate(pair),
      (error) => error instanceof ConfigError && reason.test(error.message) && hidesKey(error, pair.key),
    );
  });
}

Deno.test("a server certificate is read, or refused saying why, thousands of damaged ones among them", () => {
  const { certificate: cert, key } = ec;
  const { subject, validToDate } = parseServerCertificate({ cert, key }, "the files");
  assert.equal(subject, "CN=user");
  assert.ok(validToDate > new Date());
  assert.throws(() => parseServerCertificate({ cert, key: otherEc.key }, "the files"), {
    name: "ConfigError",
    message: "Cannot use the files: the private key belongs to another certificate",
  });
  let read = 0;
  for (let round = 0; round < 2000; round++) {
    try {
      const { validToDate } = parseServerCertificate({ cert: damage(cert, 1 + round % 2), key }, "the files");
      assert.ok(!Number.isNaN(validToDate.getTime()));
      read++;
    } catch (error) {
      assert.ok(error instanceof ConfigError, String(error));
    }
  }
  assert.ok(read > 100 && read < 1900, `${read} of 2000`);
});

// A process of its own: had the check missed one, Deno 2.6 would end it without an exception.
Deno.test("no certificate that passes the check ends the process, thousands of damaged ones among them", async () => {
  const pairs = [...good, ...bad].map(([, pair]) => pair);
  for (const { certificate, key } of [ec, rsa, ed25519]) {
    for (let round = 0; round < 700; round++) {
      const [ofCertificate, ofKey] = round % 3 ? [1 + round % 2, 0] : [0, 1];
      pairs.push({ certificate: damage(certificate, ofCertificate), key: damage(key, ofKey) });
    }
  }
  const module = import.meta.resolve("./x509.ts");
  const program = `
    import { checkClientCertificate } from ${JSON.stringify(module)};
    const count = { used: 0, refused: 0 };
    for (const { certificate, key } of await new Response(Deno.stdin.readable).json()) {
      try {
        checkClientCertificate({ certificate, key });
      } catch (error) {
        if (error.name !== "ConfigError") throw error;
        count.refused++;
        continue;
      }
      Deno.createHttpClient({ cert: certificate, key }).close();
      count.used++;
    }
    console.log(JSON.stringify(count));`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--ext=ts", program],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(pairs)));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const { used, refused } = JSON.parse(new TextDecoder().decode(stdout));
  assert.equal(used + refused, pairs.length);
  assert.ok(used > 100 && refused > 100, `${used} used, ${refused} refused`);
});

Deno.test("certificate authorities are accepted as one certificate or many", () => {
  checkAuthority(authority.certificate);
  checkAuthority(`# comment\n${authority.certificate}\n${ec.certificate}`);
});

for (
  const [name, caData] of [
    ["nothing", ""],
    ["text", "hello"],
    ["a key", ec.key],
    ["no certificate inside PEM", pem("CERTIFICATE", new Uint8Array(90))],
    ["no base64 inside PEM", authority.certificate.replace(/MII/, "!!!")],
    ["PEM that breaks off", authority.certificate.slice(0, 100)],
  ] as const
) {
  Deno.test(`a certificate authority is refused: ${name}`, () => {
    assert.throws(() => checkAuthority(caData), ConfigError);
  });
}

function crlf(text: string): string {
  return text.replaceAll("\n", "\r\n");
}

function hidesKey(error: Error, key: string): boolean {
  const shown = `${error.message} ${error.cause}`;
  return key.split("\n").every((line) => line.length < 20 || line.startsWith("-----") || !shown.includes(line));
}

function pem(label: string, der: Uint8Array): string {
  const lines = btoa(String.fromCharCode(...der)).match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

function parsePem(text: string): { label: string; der: Uint8Array } {
  const [, label, base64] = /-----BEGIN ([A-Z ]+)-----([^-]+)-----END/.exec(text)!;
  return { label: label!, der: Uint8Array.from(atob(base64!.replace(/\s/g, "")), (one) => one.charCodeAt(0)) };
}

/** Overwrites that many bytes at random. */
function damage(text: string, count: number): string {
  const { label, der } = parsePem(text);
  for (; count > 0; count--) der[Math.floor(Math.random() * der.length)]! ^= 1 + Math.floor(Math.random() * 255);
  return pem(label, der);
}

/** The same certificate without version and extensions; its signature is wrong then, but nobody gets that far. */
function asVersion1(certificate: string): string {
  const [toBeSigned, ...signature] = children(parsePem(certificate).der);
  const fields = children(toBeSigned!).slice(1, -1);
  return pem("CERTIFICATE", sequence([sequence(fields), ...signature]));
}

/** The elements of a DER sequence, each with its head. */
function children(der: Uint8Array): Uint8Array[] {
  const list: Uint8Array[] = [];
  for (let at = bodyAt(der, 0).from; at < der.length;) {
    const { to } = bodyAt(der, at);
    list.push(der.subarray(at, to));
    at = to;
  }
  return list;
}

function bodyAt(der: Uint8Array, at: number): { from: number; to: number } {
  const first = der[at + 1]!;
  if (first < 0x80) return { from: at + 2, to: at + 2 + first };
  const from = at + 2 + (first & 0x7f);
  const length = der.subarray(at + 2, from).reduce((sum, byte) => sum * 256 + byte, 0);
  return { from, to: from + length };
}

function sequence(elements: Uint8Array[]): Uint8Array {
  const body = elements.flatMap((element) => [...element]);
  const length = body.length < 0x80
    ? [body.length]
    : body.length < 0x100
    ? [0x81, body.length]
    : [0x82, body.length >> 8, body.length & 0xff];
  return new Uint8Array([0x30, ...length, ...body]);
}
