import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { env } from "node:process";
import { stringify } from "yaml";
import { findBinaries } from "../../playground/binaries.ts";
import { makeOwnedDirectory } from "../../playground/owned_directory.ts";
import { freePort } from "../../playground/programs.ts";
import { eventually, klutchBinary } from "../clusters.ts";
import { type ProgramResult, startProgram } from "./program.ts";

/** How the executable is called. */
type Name = "klutch" | "kubectl-klutch" | "kubectl-bind";

const TIMEOUT_MS = 30_000;

const pathOf = (name: Name) => join(dirname(klutchBinary()), name);

async function run(
  args: readonly string[],
  name: Name = "klutch",
  env: Record<string, string> = {},
): Promise<ProgramResult> {
  const { code, stdout, stderr } = await new Deno.Command(pathOf(name), {
    args: [...args],
    env: { HOME: "/nonexistent", KLUTCH_DEBUG: "", ...env },
    stdin: "null",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

/** One message for people, without a stack. */
function assertReadable({ code, stdout, stderr }: ProgramResult, expected: { code: number; says: RegExp }): void {
  assert.equal(code, expected.code, stderr);
  assert.match(stderr, expected.says);
  assert.match(stderr, /^(\S.*\n)*Error: /, "an error, after what it may have said before");
  assert.equal(stderr.match(/^Error: /gm)?.length, 1, stderr);
  assert.doesNotMatch(stderr, /\n +at /, "no stack");
  assert.equal(stdout, "");
}

const texts: [args: string[], name: Name, stdout: RegExp][] = [
  [["--version"], "klutch", /^klutch v\d+\.\d+\.\d+\S*\n$/],
  [["--version"], "kubectl-bind", /^kubectl bind v\d+\.\d+\.\d+\S*\n$/],
  [["version", "-o", "yaml"], "klutch", /^version: v\d/],
  [[], "klutch", /\nUsage:\n {2}klutch <command> \[flags\]\n/],
  [["--help"], "kubectl-klutch", /\nUsage:\n {2}kubectl klutch <command> \[flags\]\n/],
  [["--help"], "kubectl-bind", /\nUsage:\n {2}kubectl bind URL \[flags\]\n/],
  [["backend", "--help"], "klutch", /--oidc-issuer-url <url>[^]*\nLog flags:\n[^]*\nExamples:\n/],
  [["konnector", "--help"], "klutch", /--lease-name <name>/],
  [["bind", "--help"], "klutch", /\n {2}apiservice /],
  [["bind", "apiservice", "--help"], "kubectl-klutch", /kubectl klutch bind apiservice \(URL \| -f FILE\)/],
  [["demo", "--help"], "klutch", /--once/],
];
for (const [args, name, stdout] of texts) {
  Deno.test(`${[name, ...args].join(" ")} of the executable answers`, async () => {
    const result = await run(args, name);
    assert.deepEqual([result.code, result.stderr], [0, ""]);
    assert.match(result.stdout, stdout);
  });
}

Deno.test("bash and kubectl complete what the executable offers", async () => {
  const { kubectl } = await findBinaries({ env }, AbortSignal.timeout(TIMEOUT_MS));
  const ask = async (command: readonly string[]) => {
    const { stdout } = await new Deno.Command("env", {
      args: [`PATH=${dirname(klutchBinary())}:${env.PATH}`, "HOME=/nonexistent", ...command],
      stdin: "null",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).output();
    return new TextDecoder().decode(stdout).trim().split("\n");
  };
  const script = "source <(klutch completion bash); COMP_WORDS=(klutch $@); COMP_CWORD=$#; _klutch; " +
    'printf "%s\\n" "${COMPREPLY[@]}"';
  assert.deepEqual(await ask(["bash", "-c", script, "bash", "sta"]), ["status"]);
  assert.deepEqual(await ask(["bash", "-c", script, "bash", "status", "-o", "j"]), ["json"]);
  const [candidate] = await ask([...kubectl, "__complete", "klutch", "expl"]);
  assert.match(candidate!, /^explain\tFollow one object/);
});

const mistakes: [args: string[], name: Name, says: RegExp][] = [
  [["bakend"], "klutch", /unknown command 'bakend'\. Did you mean backend\?\nSee 'klutch --help'\./],
  [
    ["konnector", "--kubconfig=x"],
    "klutch",
    /unknown flag .*Did you mean --kubeconfig\?\nSee 'klutch konnector --help'/,
  ],
  [["bind", "--dryrun"], "kubectl-klutch", /Did you mean --dry-run\?\nSee 'kubectl klutch bind --help'/],
  [["--dryrun"], "kubectl-bind", /Did you mean --dry-run\?\nSee 'kubectl bind --help'/],
  [["backend", "--oidc-embedded", "--listen-address=:8080"], "klutch", /'--listen-address' has to be on loopback/],
  [["backend"], "klutch", /missing '--oidc-issuer-url'.*'--oidc-embedded' replaces them all/],
  [["konnector", "--workers=0"], "klutch", /invalid value '0' for '--workers'/],
  [["konnector", "--qps=none"], "klutch", /invalid value 'none' for '--qps'/],
];
for (const [args, name, says] of mistakes) {
  Deno.test(`${[name, ...args].join(" ")} is a usage error with a hint`, async () => {
    assertReadable(await run(args, name), { code: 2, says });
  });
}

const kubeconfig = (cluster: object = { server: "https://127.0.0.1:9" }) =>
  stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "a", cluster }],
    users: [{ name: "a", user: { token: "very-secret" } }],
    contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
    "current-context": "a",
  });

const servers: [command: string, args: string[]][] = [
  ["backend", ["--oidc-embedded", "--listen-address=127.0.0.1:0", "--health-address=127.0.0.1:0"]],
  ["konnector", ["--health-address=127.0.0.1:0"]],
];
const commands: [command: string, args: string[]][] = [["bind", ["http://127.0.0.1:9/export"]], ...servers];

for (const [command, args] of commands) {
  Deno.test(`klutch ${command} says what is wrong with a kubeconfig`, async () => {
    await using directory = await makeOwnedDirectory();
    const file = async (text: string) => {
      const path = join(directory.path, crypto.randomUUID());
      await Deno.writeTextFile(path, text);
      return path;
    };
    const cases: [flags: string[], says: RegExp][] = [
      [[], /Cannot find a kubeconfig: pass --kubeconfig, set KUBECONFIG, or create ~\/\.kube\/config/],
      [["--kubeconfig", join(directory.path, "gone")], /gone".*(not found|no such file|does not exist)/i],
      [["--kubeconfig", directory.path], /director/i],
      [["--kubeconfig", await file("{ very-secret")], /not YAML/],
      [["--kubeconfig", await file("[]")], /mapping/],
      [["--kubeconfig", await file(kubeconfig().replace("current-context: a", "current-context: b"))], /"b"/],
      [
        ["--kubeconfig", await file(kubeconfig({ server: "https://x", "insecure-skip-tls-verify": true }))],
        /insecure-skip-tls-verify/,
      ],
      [["--kubeconfig", await file(kubeconfig({ server: "nonsense" }))], /nonsense/],
      [[
        "--kubeconfig",
        await file(kubeconfig({
          server: "https://x",
          "certificate-authority-data": btoa("garbage"),
        })),
      ], /certificate/],
    ];
    for (const [flags, says] of cases) {
      const result = await run([command, ...args, ...flags], "klutch", { KUBECONFIG: "" });
      assertReadable(result, { code: 1, says });
      assert.ok(!result.stderr.includes("very-secret"), result.stderr);
    }
  });
}

Deno.test("klutch bind says what is wrong with a provider's URL", async () => {
  await using directory = await makeOwnedDirectory();
  const path = join(directory.path, "kubeconfig");
  await Deno.writeTextFile(path, kubeconfig());
  const html = { "content-type": "text/html" };
  const answers: Record<string, (url: URL) => Response> = {
    "/html": () => new Response("<!DOCTYPE html><title>Welcome</title>", { headers: html }),
    "/broken": () => new Response("{", { headers: { "content-type": "application/json" } }),
    "/other": () => Response.json({ kind: "Cat" }),
    "/empty": () => new Response(""),
    "/failing": () => new Response("oops", { status: 500 }),
    "/missing": () => new Response("no", { status: 404 }),
    "/starting": () => new Response("wait", { status: 503, headers: { "retry-after": "60" } }),
    "/elsewhere": () => Response.redirect("http://127.0.0.2:9/export"),
    "/endless": (url) => Response.redirect(url),
    "/huge": () => new Response("x".repeat(3_000_000)),
    "/script": () => new Response(null, { status: 302, headers: { location: "javascript:alert(1)" } }),
  };
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const url = new URL(request.url);
    return answers[url.pathname]!(url);
  });
  const cases: [path: string, says: RegExp][] = [
    ["/html", /HTML|web page/i],
    ["/broken", /JSON/],
    ["/other", /unsupported binding provider version/],
    ["/empty", /empty|JSON/],
    ["/failing", /500/],
    ["/missing", /404/],
    ["/starting", /503/],
    ["/elsewhere", /redirect/],
    ["/endless", /redirect/],
    ["/huge", /large|longer|more than|bytes/i],
    ["/script", /redirect/],
  ];
  const origin = `http://127.0.0.1:${server.addr.port}`;
  for (const [name, says] of cases) {
    assertReadable(await run(["bind", `${origin}${name}`, "--no-browser", `--kubeconfig=${path}`]), { code: 1, says });
  }
  const result = await run(["bind", `http://127.0.0.1:${freePort()}/export`, "--no-browser", `--kubeconfig=${path}`]);
  assertReadable(result, { code: 1, says: /127\.0\.0\.1:\d+.*connection refused/i });
});

for (const [signal, codes] of [["SIGINT", { server: 130 }], ["SIGTERM", { server: 0 }]] as const) {
  for (const [command, args] of servers) {
    Deno.test(`klutch ${command} ends on ${signal} while it waits for its cluster, and leaves nothing running`, async () => {
      await using directory = await makeOwnedDirectory();
      const path = join(directory.path, "kubeconfig");
      await Deno.writeTextFile(path, kubeconfig());
      const mark = crypto.randomUUID();
      await using program = await startProgram({
        name: command,
        command: [pathOf("klutch"), command, ...args, `--kubeconfig=${path}`],
        directory: directory.path,
        env: { KLUTCH_TEST_MARK: mark },
      });
      await program.says(/"waiting for /);
      assert.ok((await processesWith(mark)).length > 0);
      await program.signal(signal);
      assert.equal(await program.ended(), codes.server, await program.describe());
      await eventually("nothing is left", async () => (await processesWith(mark)).length === 0);
    });
  }
}

Deno.test("klutch demo ends on SIGINT at its first sign of life, and leaves nothing running", async () => {
  await using directory = await makeOwnedDirectory();
  const mark = crypto.randomUUID();
  await using program = await startProgram({
    name: "demo",
    command: [pathOf("klutch"), "demo", "--once"],
    directory: directory.path,
    env: { KLUTCH_TEST_MARK: mark, TMPDIR: directory.path },
  });
  await eventually("it says something", async () => (await program.stdout) + (await program.stderr) || undefined);
  await program.signal("SIGINT");
  assert.equal(await program.ended(), 130, await program.describe());
  assert.doesNotMatch(await program.stderr, /Error:/);
  await eventually("nothing is left", async () => (await processesWith(mark)).length === 0);
});

/** Command lines of processes that have this text in their arguments or environment. */
async function processesWith(text: string): Promise<string[]> {
  const { stdout } = await new Deno.Command("ps", { args: ["axeww", "-o", "args"] }).output();
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line.includes(text));
}
