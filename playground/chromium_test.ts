import { equal, rejects } from "node:assert/strict";
import { inDirectory } from "../tests/directory.ts";
import { findChromium } from "./chromium.ts";

const soon = () => AbortSignal.timeout(10_000);

Deno.test("findChromium() takes CHROME, and complains when that is no file", () =>
  inDirectory(async (directory) => {
    const path = `${directory}/chrome`;
    await rejects(findChromium({ env: { CHROME: path } }, soon()), /Cannot use CHROME=".*chrome": no such file/);
    await Deno.writeTextFile(path, "");
    equal(await findChromium({ env: { CHROME: path, PATH: directory } }, soon()), path);
  }));

Deno.test("findChromium() takes the one in PATH that starts fastest", () =>
  inDirectory(async (directory) => {
    for (const name of ["google-chrome", "chromium-headless-shell"]) {
      await Deno.writeTextFile(`${directory}/${name}`, "");
    }
    const path = await findChromium({ env: { PATH: `/nowhere:${directory}` } }, soon());
    equal(path, `${directory}/chromium-headless-shell`);
  }));

Deno.test("findChromium() says what to install when it cannot do so itself", () =>
  inDirectory(async (directory) => {
    const install = () => Promise.resolve("E: Unable to locate package");
    const search = { env: { PATH: directory }, install };
    await rejects(findChromium(search, soon()), /none of .* is in PATH, and .*\. Install one of them, or set CHROME/);
  }));
