import { deepEqual, equal, match, ok } from "node:assert/strict";
import { VERSION } from "./version.ts";

const MAIN = new URL("./main.ts", import.meta.url).pathname;

interface Run {
  code: number;
  stdout: string;
  stderr: string;
}

/** @param name what the process believes to be called, as a copy or link of the executable would be */
async function klutch(args: string[], name = "klutch"): Promise<Run> {
  const script = 'name=$1; deno=$2; shift 2; exec -a "$name" "$deno" "$@"';
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: ["-c", script, "bash", name, Deno.execPath(), "run", "-A", MAIN, ...args],
    env: { HOME: "/nonexistent", KUBECONFIG: "", KLUTCH_DEBUG: "" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("klutch --help shows every subcommand, in groups, on lines that fit", async () => {
  const { code, stdout, stderr } = await klutch(["--help"]);
  equal(code, 0);
  equal(stderr, "");
  for (const line of stdout.split("\n")) ok(line.length <= 80, line);
  match(stdout, /^Klutch binds APIs of a control plane into app clusters/);
  match(
    stdout,
    /\nApp cluster:\n {2}bind .*\n {2}apis .*\n {2}status .*\n {2}explain .*\n {2}diff .*\n {2}check .*\n {2}rbac .*\n {2}unbind .*\n {2}konnector .*\n\nControl plane:\n {2}backend .*\n {2}schema .*\n\nMore:\n {2}demo /,
  );
  match(stdout, /\nExamples:\n {2}# Try everything on this machine\n {2}klutch demo\n/);
  deepEqual(await klutch([]), { code, stdout, stderr });
  deepEqual(await klutch(["help"]), { code, stdout, stderr });
});

Deno.test("klutch --version and klutch version say the version, for people and for programs", async () => {
  equal((await klutch(["--version"])).stdout, `klutch ${VERSION}\n`);
  match((await klutch(["version"])).stdout, new RegExp(`^Version: +${VERSION.replaceAll(".", "\\.")}\n`));
  equal(JSON.parse((await klutch(["version", "-o", "json"])).stdout).version, VERSION);
  match((await klutch(["version", "-o=yaml"])).stdout, new RegExp(`^version: ${VERSION}\n`));
});

const mistakes: [args: string[], stderr: RegExp][] = [
  [["bnd"], /^Error: unknown command 'bnd'\. Did you mean bind\?\nSee 'klutch --help'\.\n$/],
  [["--versoin"], /^Error: unknown flag '--versoin'\. Did you mean --version\?\n/],
  [["konnector", "--kubconfig", "x"], /^Error: unknown flag '--kubconfig'\. Did you mean --kubeconfig\?\n/],
  [["backend", "--listen-adress=x"], /^Error: unknown flag '--listen-adress=x'\. Did you mean --listen-address\?\n/],
  [["bind", "apiservise"], /^Error: unknown command 'apiservise'\. Did you mean apiservice\?\n/],
  [["bind", "example.com"], /^Error: unknown argument: 'example\.com': it has to be a URL/],
  [
    ["bind", "https://x", "--wait-timeout", "soon"],
    /^Error: flag '--wait-timeout <duration>' argument 'soon' is invalid/,
  ],
  [["bind", "apiservice"], /^Error: url or file is required\nSee 'klutch bind apiservice --help'\.\n$/],
  [["bind", "https://x", "https://y"], /^Error: too many arguments for 'bind'\. Expected 1 argument but got 2: /],
  [
    ["bind", "apiservice", "https://x", "https://y"],
    /^Error: too many arguments for 'apiservice'\. Expected 1 argument/,
  ],
  [["unbind"], /^Error: missing required argument 'name'\nSee 'klutch unbind --help'\.\n$/],
  [["bind", "apiservice", "-f", "x"], /^Error: remote-kubeconfig or remote-kubeconfig-namespace and/],
  [["bind", "apiservice", "-f", "x", "--remote-kubeconfig-name", "y"], /^Error: .* must be specified together\n/],
  [["bind", "apiservice", "-f", "x", "https://y"], /^Error: url and file are mutually exclusive\n/],
  [["bind", "https://x", "-o", "xml"], /^Error: flag '-o, --output <format>' argument 'xml' is invalid/],
  [["bind", "https://x", "--template", "{{.}}"], /^Error: --template is not supported/],
  [["status", "--server", "foo"], /^Error: Cannot use --server: server "foo" is not a URL/],
  [["diff"], /^Error: name the object: KIND NAME, or KIND\/NAME; or say --all\nSee 'klutch diff --help'\.\n$/],
  [["explain"], /^Error: name the object: KIND NAME, or KIND\/NAME\nSee 'klutch explain --help'\.\n$/],
  [["apis"], /^Error: give the provider's URL/],
  [["rbac", "adit"], /^Error: unknown command 'adit'\. Did you mean audit\?\n/],
  [["bind", "https://x", "--insecure-skip-tls-verify"], /^Error: --insecure-skip-tls-verify is not supported/],
];
for (const [args, stderr] of mistakes) {
  Deno.test(`klutch ${args.join(" ")} is a usage error`, async () => {
    const run = await klutch(args);
    equal(run.code, 2);
    equal(run.stdout, "");
    match(run.stderr, stderr);
  });
}

Deno.test("a failure ends with 1 and one readable line", async () => {
  const { code, stdout, stderr } = await klutch(["bind", "https://provider.invalid/export"]);
  equal(code, 1);
  equal(stdout, "");
  equal(stderr, "Error: Cannot find a kubeconfig: pass --kubeconfig, set KUBECONFIG, or create ~/.kube/config\n");
});

Deno.test("a command that only groups others shows its help", async () => {
  for (const name of ["schema", "rbac"]) {
    deepEqual(await klutch([name]), await klutch([name, "--help"]));
    equal((await klutch([name, "--help"])).code, 0);
  }
});

Deno.test("an error paints nothing on the terminal", async () => {
  const { code, stderr } = await klutch(["bind", "x\x1b[2J\x1b]52;c;b3c=\x07\u202e"]);
  equal(code, 2);
  const [line] = stderr.split("\n");
  equal(
    line,
    "Error: unknown argument: 'x [2J ]52;c;b3c= ': it has to be a URL like https://HOST/export, or 'apiservice'",
  );
});

Deno.test("as kubectl-klutch it is a plugin, without the servers", async () => {
  const { stdout } = await klutch(["--help"], "kubectl-klutch");
  match(stdout, /\nUsage:\n {2}kubectl klutch <command> \[flags\]\n/);
  match(stdout, /\n {2}bind /);
  ok(!/backend|demo/.test(stdout), stdout);
  match((await klutch(["konnector"], "kubectl-klutch")).stdout, /\n {2}install .*\n {2}upgrade .*\n {2}manifests .*/);
  match((await klutch(["bind", "--help"], "kubectl-klutch")).stdout, /\n {2}kubectl klutch bind URL \[flags\]\n/);
  equal((await klutch(["backend"], "kubectl-klutch")).code, 2);
  match((await klutch(["konnector", "instal"], "kubectl-klutch")).stderr, /^Error: unknown command 'instal'/);
  const { stdout: completion } = await klutch(["completion", "--help"], "kubectl-klutch");
  match(completion, /\n {2}ln -s "\$\(command -v kubectl-klutch\)" \S+\/kubectl_complete-klutch\n/);
  ok(!completion.includes("<(klutch"), completion);
});

Deno.test("as kubectl-bind it takes the original's command line", async () => {
  const help = await klutch([], "kubectl-bind");
  equal(help.code, 0);
  match(help.stdout, /\nUsage:\n {2}kubectl bind URL \[flags\]\n/);
  match(help.stdout, /\n {2}kubectl bind https:\/\/HOST\/export\n/);
  match(
    (await klutch(["apiservice", "--help"], "kubectl-bind")).stdout,
    /\n {2}kubectl bind apiservice \(URL \| -f FILE\)/,
  );
  equal((await klutch(["schema"], "kubectl-bind")).code, 2);
  const inert = ["--no-banner", "-v=4", "--vmodule=x=1", "--logging-format=text", "--skip-konnector=true"];
  const { code, stderr } = await klutch(["apiservice", ...inert], "kubectl-bind");
  equal(code, 2);
  match(stderr, /^Error: url or file is required\nSee 'kubectl bind apiservice --help'\.\n$/);
});

Deno.test("results survive a reader that leaves early", async () => {
  const { code, stderr } = await new Deno.Command("bash", {
    args: ["-c", `"${Deno.execPath()}" run -A "${MAIN}" --help | true; exit \${PIPESTATUS[0]}`],
  }).output();
  equal(code, 0);
  equal(new TextDecoder().decode(stderr), "");
});

// Made by `klutch COMMAND --help > tests/golden/help/COMMAND.txt`, to be read before they are kept.
const GOLDEN = new URL("tests/golden/help/", import.meta.url);

/** All commands, as shells are told of them: `["bind"]`, `["bind", "apiservice"]`, … */
async function commandsBelow(words: readonly string[] = []): Promise<string[][]> {
  const { stdout } = await klutch(["__complete", ...words, ""]);
  const commands = stdout.split("\n").flatMap((line) => /^(\S+)\t/.exec(line)?.[1] ?? []).map((
    name,
  ) => [...words, name]);
  const deeper = await Promise.all(commands.map((command) => commandsBelow(command)));
  return [...commands, ...deeper.flat()];
}

Deno.test("the help of every command says what it is to say, on lines that fit", async (t) => {
  const commands = [["help"], ...await commandsBelow()];
  const kept = await Array.fromAsync(Deno.readDir(GOLDEN), ({ name }) => name);
  deepEqual(commands.map((words) => `${words.join("_")}.txt`).sort(), kept.sort());
  for (const words of commands) {
    await t.step(words.join(" "), async () => {
      const { code, stdout, stderr } = await klutch([...words, "--help"]);
      deepEqual([code, stderr], [0, ""]);
      equal(stdout, await Deno.readTextFile(new URL(`${words.join("_")}.txt`, GOLDEN)));
      const [flags] = stdout.split("\nExamples:\n");
      for (const line of flags!.split("\n")) ok(line.length <= 80, line);
    });
  }
});
