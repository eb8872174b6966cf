import { deepEqual, equal, throws } from "node:assert/strict";
import { join } from "node:path";
import { ConfigError } from "../kube/errors.ts";
import { createLog, silentLog } from "../kube/log.ts";
import { openAudit } from "./audit.ts";

async function inDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await run(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const linesOf = async (path: string) =>
  (await Deno.readTextFile(path)).trimEnd().split("\n").map((line) => {
    const { time: _, level: __, ...record } = JSON.parse(line);
    return record;
  });

Deno.test("An audit log is appended to, whatever the log leaves out, and holds no credential", async () => {
  await inDirectory(async (directory) => {
    const path = join(directory, "audit.jsonl");
    const logged: string[] = [];
    const log = createLog({ format: "text", level: "error", write: (line) => logged.push(line) });
    openAudit(log, path)("credential issued", { namespace: "cluster-a", identity: "jane#cl1", id: "JTI=1" });
    openAudit(log, path)("credential handed over", { address: "192.0.2.1", apis: ["dbs.acme.io"], token: "s3cret" });
    deepEqual(await linesOf(path), [
      { msg: "credential issued", namespace: "cluster-a", identity: "jane#cl1", id: "JTI=1" },
      { msg: "credential handed over", address: "192.0.2.1", apis: ["dbs.acme.io"], token: "[redacted]" },
    ]);
    deepEqual(logged, []);
    equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  });
});

Deno.test("An audit log that is renamed goes on in a new file", async () => {
  await inDirectory(async (directory) => {
    const path = join(directory, "audit.jsonl");
    const audit = openAudit(silentLog, path);
    audit("first", {});
    await Deno.rename(path, `${path}.1`);
    audit("second", {});
    deepEqual(await linesOf(`${path}.1`), [{ msg: "first" }]);
    deepEqual(await linesOf(path), [{ msg: "second" }]);
  });
});

Deno.test("An audit log that cannot be written is refused at the start, and told about later", async () => {
  await inDirectory(async (directory) => {
    throws(() => openAudit(silentLog, join(directory, "missing", "audit.jsonl")), (error) => {
      return error instanceof ConfigError && /--audit-log-path/.test(error.message);
    });
    const path = join(directory, "audit.jsonl");
    const lines: string[] = [];
    const audit = openAudit(createLog({ format: "json", level: "error", write: (line) => lines.push(line) }), path);
    await Deno.remove(path);
    await Deno.mkdir(path);
    audit("credential issued", {});
    deepEqual(lines.map((line) => JSON.parse(line).msg), ["audit record not written"]);
  });
});
