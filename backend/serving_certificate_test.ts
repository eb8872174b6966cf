import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { ConfigError, messageOf } from "../kube/errors.ts";
import { createLog } from "../kube/log.ts";
import { createTestAuthority, type KeyPair } from "../playground/certificates.ts";
import { eventually } from "../tests/clusters.ts";
import { FakeClock } from "../tests/fake_clock.ts";
import { MountedSecret } from "../tests/mounted_secret.ts";
import { issueForLoopback, serialOf } from "../tests/tls_client.ts";
import { followServingCertificate, readServingCertificate, type ServingCertificate } from "./serving_certificate.ts";

const authority = await createTestAuthority("test CA");
const issue = () => issueForLoopback(authority);
const [first, second, third] = await Promise.all([issue(), issue(), issue()]);
const POLL_MS = 10_000;
const DAY_MS = 24 * 3_600_000;

const toData = ({ certificate, key }: KeyPair) => ({ "tls.crt": certificate, "tls.key": key });
const expiryOf = ({ certificate }: KeyPair) => new X509Certificate(certificate).validToDate;

/** Follows the files of a Secret that holds the first pair; each poll is asked for. */
async function follow({ clock = new FakeClock(new Date().toISOString()), refusals = 0 } = {}) {
  const secret = await MountedSecret.mount(toData(first));
  const files = { certFile: secret.path("tls.crt"), keyFile: secret.path("tls.key") };
  const lines: Record<string, unknown>[] = [];
  const log = createLog({ format: "json", level: "info", write: (line) => lines.push(JSON.parse(line)) });
  const renewed: string[] = [];
  const renew = ({ serialNumber }: ServingCertificate) => {
    if (refusals-- > 0) throw new Error("no socket to be had");
    renewed.push(serialNumber);
  };
  const stop = new AbortController();
  const served = { certificate: await readServingCertificate(files) };
  const following = followServingCertificate({ files, served, renew, log, clock }, stop.signal);
  return {
    secret,
    lines,
    renewed,
    async poll() {
      await clock.advance(POLL_MS);
      await eventually("the files have been read", () => clock.pending === 1);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await rejects(following, stop.signal.reason);
      equal(clock.pending, 0);
      await secret[Symbol.asyncDispose]();
    },
  };
}

Deno.test("followServingCertificate() renews by what a mounted Secret holds now, and says so", async () => {
  await using followed = await follow();
  await followed.poll();
  deepEqual(followed.renewed, []);
  for (const pair of [second, first]) {
    await followed.secret.update(toData(pair));
    await followed.poll();
    await followed.poll();
  }
  deepEqual(followed.renewed, [second, first].map(serialOf));
  deepEqual(
    followed.lines.map(({ level, msg, serialNumber, notAfter, subject }) => ({
      level,
      msg,
      serialNumber,
      notAfter,
      subject,
    })),
    [second, first].map((pair) => ({
      level: "info",
      msg: "serving certificate renewed",
      serialNumber: serialOf(pair),
      notAfter: expiryOf(pair).toISOString(),
      subject: "CN=localhost",
    })),
  );
});

const MISMATCH =
  /^Cannot use ".*tls.crt" \(--tls-cert-file\) and ".*tls.key" \(--tls-key-file\): the private key belongs to another certificate/;
const broken: [name: string, data: Record<string, string>, error: RegExp][] = [
  ["a certificate whose key is not there yet", { ...toData(second), "tls.key": first.key }, MISMATCH],
  ["a key whose certificate is not there yet", { ...toData(first), "tls.key": second.key }, MISMATCH],
  [
    "a certificate that breaks off",
    { ...toData(second), "tls.crt": second.certificate.slice(0, 200) },
    /: the certificate is not/,
  ],
  ["empty files", { "tls.crt": "", "tls.key": "" }, /the certificate is not PEM encoded/],
  ["files that are gone", {}, /^Cannot read ".*tls.crt" \(--tls-cert-file\): .*no such file/i],
];

for (const [name, data, error] of broken) {
  Deno.test(`followServingCertificate() keeps the certificate for ${name}, says so once, and takes up what fits`, async () => {
    await using followed = await follow();
    await followed.secret.update(data);
    for (let polls = 0; polls < 3; polls++) await followed.poll();
    deepEqual(followed.renewed, []);
    deepEqual(followed.lines.map(({ level, msg }) => [level, msg]), [[
      "warn",
      "cannot renew the serving certificate, so the one before stays: the files have to hold a certificate and its key",
    ]]);
    match(String(followed.lines[0]!.error), error);
    for (const { key } of [first, second]) ok(!JSON.stringify(followed.lines).includes(key.slice(40, 80)));

    await followed.secret.update(toData(second));
    await followed.poll();
    deepEqual(followed.renewed, [serialOf(second)]);
  });
}

Deno.test("followServingCertificate() tells of each content that does not fit", async () => {
  await using followed = await follow();
  for (const { certificate } of [second, third]) {
    await followed.secret.update({ "tls.crt": certificate, "tls.key": first.key });
    await followed.poll();
    await followed.poll();
  }
  equal(followed.lines.length, 2);
});

Deno.test("followServingCertificate() tries again when the server cannot renew", async () => {
  await using followed = await follow({ refusals: 2 });
  await followed.secret.update(toData(second));
  for (let polls = 0; polls < 3; polls++) await followed.poll();
  deepEqual(followed.renewed, [serialOf(second)]);
  deepEqual(followed.lines.map(({ level }) => level), ["warn", "info"]);
  match(String(followed.lines[0]!.error), /no socket/);
});

const ends: [when: string, leftMs: number, warns: boolean][] = [
  ["has ended", -1, true],
  ["ends today", DAY_MS, true],
  ["ends later", 2 * DAY_MS, false],
];

for (const [when, leftMs, warns] of ends) {
  Deno.test(`followServingCertificate() ${warns ? "warns" : "does not warn"} of a certificate that ${when}`, async () => {
    const now = new Date(expiryOf(first).getTime() - leftMs);
    await using followed = await follow({ clock: new FakeClock(now.toISOString()) });
    await followed.secret.update(toData(second)); // ends in the same second, or nearly so
    await followed.poll();
    const told = followed.lines.filter(({ msg }) => /^the serving certificate has ended/.test(String(msg)));
    deepEqual(
      told.map(({ level, serialNumber }) => [level, serialNumber]),
      warns ? [["warn", serialOf(first)], ["warn", serialOf(second)]] : [],
    );
  });
}

Deno.test("followServingCertificate() warns once of a certificate that nobody renews, a day before it ends", async () => {
  const start = new Date(expiryOf(first).getTime() - DAY_MS - POLL_MS - 5000);
  await using followed = await follow({ clock: new FakeClock(start.toISOString()) });
  await followed.poll();
  deepEqual(followed.lines, []);
  for (let polls = 0; polls < 3; polls++) await followed.poll();
  deepEqual(followed.lines.map(({ level, serialNumber }) => [level, serialNumber]), [["warn", serialOf(first)]]);
});

for (const [name, data, error] of broken) {
  Deno.test(`readServingCertificate() refuses ${name}, naming flags and files`, async () => {
    await using secret = await MountedSecret.mount(data);
    await rejects(
      readServingCertificate({ certFile: secret.path("tls.crt"), keyFile: secret.path("tls.key") }),
      (thrown) => thrown instanceof ConfigError && error.test(messageOf(thrown)),
    );
  });
}
