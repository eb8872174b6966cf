import { parseArgs } from "node:util";
import { buildKlutch } from "./build/klutch.ts";
import { messageOf } from "./kube/errors.ts";

// deno task build [--target <target of deno compile>]
const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(name, () => stop.abort());
try {
  const { values } = parseArgs({ args: Deno.args, options: { target: { type: "string" } } });
  await buildKlutch({ env: Deno.env.toObject(), target: values.target, progress: console.error }, stop.signal);
} catch (error) {
  console.error(`Error: ${messageOf(error)}`);
  Deno.exit(1);
}
Deno.exit(0);
