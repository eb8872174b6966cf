import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { dirname, join } from "node:path";
import { env } from "node:process";
import { inDirectory } from "../tests/directory.ts";
import { bundle } from "./bundle.ts";
import { checkMachine, compile } from "./compile.ts";

const soon = () => AbortSignal.timeout(120_000);

const withSources = (sources: Record<string, string>, test: (directory: string) => Promise<void>): Promise<void> =>
  inDirectory(async (directory) => {
    for (const [name, text] of Object.entries(sources)) {
      await Deno.mkdir(dirname(join(directory, name)), { recursive: true });
      await Deno.writeTextFile(join(directory, name), text);
    }
    await test(directory);
  });

/** esbuild's helper process is told to end, but nobody can wait until it has. */
const LINGERING = { sanitizeOps: false, sanitizeResources: false };

const SOURCES = {
  "main.ts": `
    declare const GREETING: string;
    import words from "./words.yaml" with { type: "text" };
    if (Deno.args[0] === "late") console.log((await import("./late.ts")).LATE);
    else if (Deno.args[0] === "old") console.log(Object.entries(await import("old")).join());
    else console.log(GREETING, JSON.stringify(words), Deno.build.standalone);`,
  "late.ts": `import { sep } from "path"; class Late {} export const LATE = Late.name + sep;`,
  "words.yaml": `a: "é"\n`,
  "node_modules/old/package.json": "{}",
  "node_modules/old/index.js": "exports.age = 12;",
};

Deno.test(
  "a program is bundled and compiled into one file, with its texts, its late chunks and old packages",
  LINGERING,
  () =>
    withSources(SOURCES, async (directory) => {
      const made = await bundle(join(directory, "main.ts"), { GREETING: "good morning" });
      equal(made.entry, "main.mjs");
      ok(made.files.size >= 2, "late.ts is a chunk of its own");

      const options = { env, target: Deno.build.target, output: join(directory, "out", "program") };
      equal(await compile(made, options, soon()), true);
      for (const name of Object.keys(SOURCES)) await Deno.remove(join(directory, name));
      const run = async (...args: string[]) =>
        new TextDecoder().decode((await new Deno.Command(options.output, { args }).output()).stdout);
      equal(await run(), `good morning "a: \\"é\\"\\n" true\n`);
      equal(await run("late"), "Late/\n");
      equal(await run("old"), "age,12,default,[object Object]\n");

      const { ino } = await Deno.stat(options.output);
      equal(await compile(made, options, soon()), false);
      equal((await Deno.stat(options.output)).ino, ino);
      const other = {
        ...made,
        files: new Map([...made.files, [made.entry, new TextEncoder().encode("console.log(2)")]]),
      };
      equal(await compile(other, options, soon()), true);
      equal(await run(), "2\n");
      const names = await Array.fromAsync(Deno.readDir(join(directory, "out")), ({ name }) => name);
      deepEqual(names.toSorted(), [".program.inputs", "program"]);
    }),
);

Deno.test(
  "bundle() names file and line of what is wrong",
  LINGERING,
  () =>
    withSources({ "main.ts": `import "./gone.ts";` }, async (directory) => {
      await rejects(
        bundle(join(directory, "main.ts"), {}),
        /Cannot bundle .*main\.ts:\n.*Could not resolve "\.\/gone\.ts"/s,
      );
    }),
);

Deno.test("checkMachine() refuses an executable for another machine than asked for", LINGERING, async () => {
  const program = Deno.execPath();
  await checkMachine(program, Deno.build.target);
  const other = Deno.build.arch === "x86_64" ? "aarch64" : "x86_64";
  await rejects(checkMachine(program, Deno.build.target.replace(Deno.build.arch, other)), /the result is .*DENORT_BIN/);
  await rejects(checkMachine(program, "sparc-sun-solaris"), RangeError);
});
