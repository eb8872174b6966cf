import { env } from "node:process";
import { type Browser, chromium } from "playwright-core";
import { findChromium } from "../../playground/chromium.ts";
import { within } from "../clusters.ts";

/** Starts a real browser. */
export async function openBrowser(): Promise<Browser> {
  const executablePath = await findChromium({ env }, within(120_000));
  return await chromium.launch({ executablePath, args: ["--no-sandbox"] });
}
