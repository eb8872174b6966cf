import { deepEqual, equal, match } from "node:assert/strict";
import { calculatePKCECodeChallenge } from "openid-client";
import { type Choice, OneTimeCodes } from "./one_time_code.ts";

const KEYS = { signing: new Uint8Array(32).fill(7) };
const NOW = new Date("2026-06-01T12:00:00Z");
const VERIFIER = "v".repeat(43);
const CHOICE: Choice = {
  subject: "jane",
  issuer: "https://sso.example.com",
  email: "jane@example.com",
  emailVerified: true,
  groups: ["dev"],
  sessionId: "Abc123",
  clusterId: "cl1",
  apis: ["dbs.x.io", "queues.x.io"],
};
const at = (now: Date) => new OneTimeCodes(KEYS, { now: () => now });

Deno.test("a code opens on any replica, for the verifier that began the login", async () => {
  const code = await at(NOW).issue(CHOICE, await calculatePKCECodeChallenge(VERIFIER));
  match(code, /^[\w.-]+$/);
  const { codeId, expiresAt, ...choice } = (await at(NOW).open(code, VERIFIER))!;
  deepEqual(choice, CHOICE);
  match(codeId, /^[0-9a-f-]{36}$/);
  equal(expiresAt.getTime() - NOW.getTime(), 5 * 60_000);
});

Deno.test("a code is worthless to one who caught it on its way, later, tampered with, and with other keys", async () => {
  const code = await at(NOW).issue(CHOICE, await calculatePKCECodeChallenge(VERIFIER));
  equal(await at(NOW).open(code, "w".repeat(43)), undefined);
  equal(await at(NOW).open(code, ""), undefined);
  equal(await at(new Date(NOW.getTime() + 5 * 60_000 + 1000)).open(code, VERIFIER), undefined);
  const changed = code.at(-2) === "A" ? "B" : "A"; // the last character may carry bits that decoders drop
  equal(await at(NOW).open(`${code.slice(0, -2)}${changed}${code.at(-1)}`, VERIFIER), undefined);
  equal(await new OneTimeCodes({ signing: new Uint8Array(32) }, { now: () => NOW }).open(code, VERIFIER), undefined);
});
