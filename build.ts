import { parseArgs } from "node:util";
import { buildKlutch } from "./build/klutch.ts";
import { releasePlugin } from "./build/release.ts";
import { messageOf } from "./kube/errors.ts";

// deno task build [--target <target of deno compile>]... [--krew <URL where the archives will be>]
const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(name, () => stop.abort());
try {
  const { values: { target: targets = [Deno.build.target], krew } } = parseArgs({
    args: Deno.args,
    options: { target: { type: "string", multiple: true }, krew: { type: "string" } },
  });
  const options = { env: Deno.env.toObject(), progress: console.error };
  if (krew) await releasePlugin({ ...options, targets, baseUrl: new URL(krew) }, stop.signal);
  else for (const target of targets) await buildKlutch({ ...options, target }, stop.signal);
} catch (error) {
  console.error(`Error: ${messageOf(error)}`);
  Deno.exit(1);
}
Deno.exit(0);
