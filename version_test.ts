import { equal } from "node:assert/strict";
import { VERSION } from "./version.ts";

Deno.test("the version run from source is the one of deno.json", async () => {
  const config = JSON.parse(await Deno.readTextFile(new URL("./deno.json", import.meta.url)));
  equal(VERSION, `v${config.version}`);
});
