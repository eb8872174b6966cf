import { equal, match } from "node:assert/strict";
import { openBrowser } from "./browser.ts";

const nobody = { stdin: false, stdout: false, stderr: false };
const url = new URL("https://provider.example/authorize?a=1&b=2");

Deno.test("openBrowser() runs the program in $BROWSER with the whole URL", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const program = `${directory}/browser`;
    await Deno.writeTextFile(
      program,
      `#!/bin/sh\necho "$@" > ${directory}/part && mv ${directory}/part ${directory}/seen\n`,
    );
    await Deno.chmod(program, 0o755);
    equal(await openBrowser(url, { env: { BROWSER: program }, isTerminal: nobody }), true);
    let seen: string | undefined;
    for (let tries = 0; tries < 100 && seen === undefined; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      seen = await Deno.readTextFile(`${directory}/seen`).catch(() => undefined);
    }
    match(seen ?? "", /^https:\/\/provider\.example\/authorize\?a=1&b=2\n$/);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("openBrowser() starts nothing when nobody is watching", async () => {
  equal(await openBrowser(url, { env: {}, isTerminal: nobody }), false);
});

Deno.test("openBrowser() survives a browser that does not exist", async () => {
  equal(await openBrowser(url, { env: { BROWSER: "/no/such/browser" }, isTerminal: nobody }), false);
  equal(await openBrowser(url, { env: { BROWSER: "no-such-browser", PATH: "/bin" }, isTerminal: nobody }), false);
  await new Promise((resolve) => setTimeout(resolve, 50)); // an unhandled error event would end the process
});
