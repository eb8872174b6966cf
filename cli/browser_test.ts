import { equal } from "node:assert/strict";
import { eventually } from "../tests/clusters.ts";
import { inDirectory } from "../tests/directory.ts";
import { openBrowser } from "./browser.ts";

const nobody = { stdin: false, stdout: false, stderr: false };
const url = new URL("https://provider.example/authorize?a=1&b=2");

Deno.test("openBrowser() runs the program in $BROWSER with the whole URL", () =>
  inDirectory(async (directory) => {
    const program = `${directory}/browser`;
    const script = `#!/bin/sh\necho "$@" > ${directory}/part && mv ${directory}/part ${directory}/seen\n`;
    await Deno.writeTextFile(program, script, { mode: 0o755 });
    equal(await openBrowser(url, { env: { BROWSER: program }, isTerminal: nobody }), true);
    const seen = await eventually("the program has run", () => Deno.readTextFile(`${directory}/seen`));
    equal(seen, `${url}\n`);
  }));

Deno.test("openBrowser() starts nothing when nobody is watching", async () => {
  equal(await openBrowser(url, { env: {}, isTerminal: nobody }), false);
});

Deno.test("openBrowser() survives a browser that does not exist", async () => {
  equal(await openBrowser(url, { env: { BROWSER: "/no/such/browser" }, isTerminal: nobody }), false);
  equal(await openBrowser(url, { env: { BROWSER: "no-such-browser", PATH: "/bin" }, isTerminal: nobody }), false);
  await new Promise((resolve) => setTimeout(resolve, 50)); // an unhandled error event would end the process
});
