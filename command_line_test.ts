import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { Command, Option } from "commander";
import { flagsOf, normalizeFlags, readInvocation, runCommandLine } from "./command_line.ts";
import { UsageError } from "./program.ts";

const invocations: [argv0: string, invokedAs: string][] = [
  ["klutch", "klutch"],
  ["./klutch", "klutch"],
  ["deno", "klutch"],
  ["", "klutch"],
  ["/usr/local/bin/kubectl-klutch", "kubectl klutch"],
  ["kubectl-bind", "kubectl bind"],
  ["./kubectl-bind", "kubectl bind"],
  ["C:\\bin\\kubectl-bind.exe", "kubectl bind"],
  ["kubectl-binder", "klutch"],
];
for (const [argv0, invokedAs] of invocations) {
  Deno.test(`readInvocation() takes "${argv0}" for ${invokedAs}`, () => {
    deepEqual(readInvocation(argv0, ["a"]), { invokedAs, args: ["a"] });
  });
}

/** A program with a command that has flags, arguments and a subcommand of its own. */
function program() {
  const seen: unknown[] = [];
  const sub = new Command("apiservice").option("-f, --file <file>").option("--kubeconfig <file>")
    .action(() => void seen.push(["apiservice", flagsOf(sub)]));
  const bind = new Command("bind").argument("[url...]").enablePositionalOptions()
    .option("-d, --dry-run").option("-n, --namespace <name>").option("--no-browser").option("--kubeconfig <file>")
    .addOption(new Option("--as [name]"))
    .action((urls) => void seen.push(["bind", urls, flagsOf(bind)]))
    .addCommand(sub);
  const fail = new Command("fail").action(() => {
    throw new UsageError("this does not go together");
  });
  const crash = new Command("crash").action(() => Promise.reject(new TypeError("boom")));
  const root = new Command("klutch").addCommand(bind).addCommand(fail).addCommand(crash);
  return { root, seen };
}

const lines: [typed: string, normalized: string][] = [
  ["bind https://x --dry-run=true", "bind https://x --dry-run"],
  ["bind https://x --dry-run=1 -d=TRUE", "bind https://x --dry-run -d"],
  ["bind https://x --dry-run=false -d=0", "bind https://x"],
  ["bind --no-browser=true https://x", "bind --no-browser https://x"],
  ["bind -n=ns https://x", "bind -n ns https://x"],
  ["bind --namespace=a=b", "bind --namespace a=b"],
  ["bind --as=false", "bind --as=false"],
  ["bind --unknown=true", "bind --unknown=true"],
  ["bind -- --dry-run=true", "bind -- --dry-run=true"],
  ["bind --namespace --dry-run=true", "bind --namespace --dry-run=true"],
  ["bind apiservice -f=- --kubeconfig=k", "bind apiservice -f - --kubeconfig k"],
];
for (const [typed, normalized] of lines) {
  Deno.test(`normalizeFlags() rewrites: ${typed}`, () => {
    deepEqual(normalizeFlags(program().root, typed.split(" ")).normalized, normalized.split(" "));
  });
}

async function run(typed: string) {
  const { root, seen } = program();
  const written = { out: "", error: "" };
  await runCommandLine(root, typed.split(" "), {
    writeOut: (text) => written.out += text,
    writeError: (text) => written.error += text,
  });
  return { ...written, seen };
}

Deno.test("runCommandLine() runs the chosen action with its flags", async () => {
  deepEqual((await run("bind https://x -d=true -n=ns")).seen, [
    ["bind", ["https://x"], { browser: true, dryRun: true, namespace: "ns" }],
  ]);
});

Deno.test("flagsOf() takes flags before the subcommand, too; those after it win", async () => {
  deepEqual((await run("bind --kubeconfig a apiservice -f x")).seen, [["apiservice", { file: "x", kubeconfig: "a" }]]);
  deepEqual((await run("bind --kubeconfig a apiservice --kubeconfig b")).seen, [["apiservice", { kubeconfig: "b" }]]);
});

const mistakes: [typed: string, message: string][] = [
  ["bnd", "unknown command 'bnd'. Did you mean bind?\nSee 'klutch --help'."],
  ["bnd --dry-run", "unknown command 'bnd'. Did you mean bind?\nSee 'klutch --help'."],
  ["bnd --help", "unknown command 'bnd'. Did you mean bind?\nSee 'klutch --help'."],
  ["help bnd", "unknown command 'bnd'. Did you mean bind?\nSee 'klutch --help'."],
  ["--dry-run bind", "unknown flag '--dry-run'\nSee 'klutch bind --help'."],
  ["bind --dryrun", "unknown flag '--dryrun'. Did you mean --dry-run?\nSee 'klutch bind --help'."],
  ["bind --dry-run=maybe", "invalid value 'maybe' for '--dry-run': it is true or false\nSee 'klutch bind --help'."],
  ["bind --namespace", "flag '-n, --namespace <name>' argument missing\nSee 'klutch bind --help'."],
  ["bind apiservise -f x", "unknown command 'apiservise'. Did you mean apiservice?\nSee 'klutch bind --help'."],
  ["bind apiservice --fiel x", "unknown flag '--fiel'. Did you mean --file?\nSee 'klutch bind apiservice --help'."],
  ["fail", "this does not go together\nSee 'klutch fail --help'."],
  ["fail x", "too many arguments for 'fail'. Expected 0 arguments but got 1: x.\nSee 'klutch fail --help'."],
];
for (const [typed, message] of mistakes) {
  Deno.test(`runCommandLine() explains: ${typed}`, async () => {
    await rejects(run(typed), (error: Error) => {
      equal(error.message, message);
      return error instanceof UsageError;
    });
  });
}

Deno.test("runCommandLine() lets failures of an action through as they are", async () => {
  await rejects(run("crash"), TypeError);
});

Deno.test("runCommandLine() prints help where it is asked for", async () => {
  for (const typed of ["bind --help", "help bind", "bind -h https://x"]) {
    const { out, error, seen } = await run(typed);
    match(out, /^Usage:\n {2}klutch bind \[flags\] \[command\] \[url\.\.\.\]\n/);
    equal(error, "");
    deepEqual(seen, []);
  }
});
