import { equal } from "node:assert/strict";
import { findGo } from "./go_toolchain.ts";

const soon = () => AbortSignal.timeout(10_000);

Deno.test("findGo() passes over programs that are missing or do not run", async () => {
  const search = { env: {}, usual: ["/nowhere/go", "false", "true"] };
  equal(await findGo("/nowhere", search, soon()), "true");
});

Deno.test("findGo() looks into GOROOT first", async () => {
  const root = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${root}/bin`);
    await Deno.writeTextFile(`${root}/bin/go`, "#!/bin/sh\n", { mode: 0o755 });
    equal(await findGo("/nowhere", { env: { GOROOT: root }, usual: ["true"] }, soon()), `${root}/bin/go`);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
