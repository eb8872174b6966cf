import assert from "node:assert/strict";
import { env } from "node:process";

const GOLDEN = new URL("../golden/output/", import.meta.url);

/** What differs from run to run, and what stands for it. */
const VARYING: [RegExp, string][] = [
  [/\bhttps?:\/\/127\.0\.0\.1:\d+/g, "https://HOST"],
  [/\bv\d+\.\d+\.\d+[\w.+-]*/g, "VERSION"],
  [/(?<=\bKONNECTOR|VERSION) {3,}/g, "   "], // a column that is as wide as the version is long
  [/\b20\d\d-\d\d-\d\dT[\d:.]+Z/g, "TIME"],
  [/\b\d+(ms|s|m)\b {2,}/g, "AGE   "],
  [/\b\d+(ms|s|m)\b/g, "AGE"],
  [/\b[0-9A-Za-z]{36,40}\b/g, "HASH"],
  [/\bkubeconfig-[a-z0-9]{5}\b/g, "kubeconfig-RANDOM"],
  [/\bklutch-[a-z0-9]{5}\b/g, "klutch-RANDOM"],
];

/**
 * Compares all that a command has printed with what is kept in `tests/golden/output/NAME.txt`. With `KLUTCH_GOLDEN=keep`
 * it is kept, to be read before it is committed.
 */
export async function assertGolden(name: string, output: string): Promise<void> {
  const text = VARYING.reduce((text, [varying, constant]) => text.replace(varying, constant), output);
  const file = new URL(`${name}.txt`, GOLDEN);
  if (env.KLUTCH_GOLDEN === "keep") await Deno.writeTextFile(file, text);
  assert.equal(text, await Deno.readTextFile(file), `${name} is not what is kept`);
}
