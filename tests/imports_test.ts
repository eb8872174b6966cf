import assert from "node:assert/strict";
import { join, normalize } from "node:path";
import { dirname } from "node:path/posix";
import { fileURLToPath } from "node:url";
import config from "../deno.json" with { type: "json" };

// Who imports whom is what the layout promises to everybody who looks for something; here the promise is kept.

const ROOT = fileURLToPath(new URL("..", import.meta.url));

interface Import {
  /** As written; a path from the repository's root for files of ours. */
  target: string;
  isOurs: boolean;
  /** Loaded when a line is reached, and not with the file. */
  isLate: boolean;
  /** Gone when the program runs. */
  isType: boolean;
}

interface SourceFile {
  /** From the repository's root. */
  path: string;
  text: string;
  imports: Import[];
}

async function* walk(directory: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(join(ROOT, directory))) {
    const path = directory ? `${directory}/${name}` : name;
    if (name.startsWith(".") || ["node_modules", "dist"].includes(name)) continue;
    if (isDirectory) yield* walk(path);
    else if (/\.tsx?$/.test(name)) yield path;
  }
}

const STATIC = /^(?:import|export)\s+(?<what>[\w\s{},*$]*?\sfrom\s+|)"(?<target>[^"\n]+)"/gm;
const LATE = /\bimport\("(?<target>[^"\n]+)"\)/g;

function importsOf(path: string, text: string): Import[] {
  const toImport = (isLate: boolean) => ({ groups }: RegExpMatchArray): Import => {
    const { what = "", target = "" } = groups!;
    const names = /\{([^}]*)\}/.exec(what)?.[1]?.split(",").map((name) => name.trim()).filter(Boolean);
    const onlyTypes = names !== undefined && names.length > 0 && names.every((name) => name.startsWith("type "));
    return {
      isOurs: target.startsWith("."),
      target: target.startsWith(".") ? normalize(join(dirname(path), target)) : target,
      isLate,
      isType: /^\s*type\b/.test(what) || (onlyTypes && /^\s*\{/.test(what)),
    };
  };
  return [
    ...[...text.matchAll(STATIC)].map(toImport(false)),
    ...[...text.matchAll(LATE)].map(toImport(true)),
  ];
}

const files = new Map<string, SourceFile>();
for await (const path of walk("")) {
  const text = await Deno.readTextFile(join(ROOT, path));
  files.set(path, { path, text, imports: importsOf(path, text) });
}

const isTest = (path: string) => /^tests\/|_test\.tsx?$|_fixture\.ts$|\/testing\/|\/test_objects\.ts$/.test(path);
const program = [...files.values()].filter(({ path }) => !isTest(path));
const folderOf = (path: string) => path.includes("/") ? path.split("/")[0]! : "";
const packageOf = (target: string) => /^(@[^/]+\/)?[^/]+/.exec(target)![0];
const complain = (complaints: string[]) => assert.deepEqual(complaints, []);

/** Folders that a folder may import from besides itself; `""` are the files at the root. */
const LAYERS: Record<string, string[]> = {
  "": ["backend", "konnector", "cli", "playground", "build", "kube"],
  backend: ["oidc", "sync", "crds", "kube", ""],
  konnector: ["sync", "crds", "kube", ""],
  cli: ["oidc", "sync", "crds", "kube", ""],
  playground: ["crds", "kube", ""],
  build: ["kube", ""],
  bench: ["build", "playground", "crds", "kube", ""],
  sync: ["crds", "kube"],
  crds: ["kube"],
  kube: [],
  oidc: [],
};

/** Where a package may be imported; `yaml` is a format that many read. */
const HOMES: Record<string, RegExp> = {
  "@peculiar/x509": /^playground\//,
  commander: /^[a-z_]+\.ts$|\/([a-z]+_)*options\.ts$/,
  diff: /^cli\//,
  esbuild: /^build\//,
  hono: /^backend\//,
  jose: /^oidc\//,
  "modern-tar": /^build\//,
  "oidc-provider": /^oidc\//,
  open: /^cli\//,
  "openid-client": /^oidc\//,
  "playwright-core": /^playground\//,
  "prom-client": /^kube\//,
  re2js: /^crds\/compatibility\//,
  "reflect-metadata": /^playground\//,
  typebox: /^crds\//,
  uqr: /^cli\//,
  yaml: /^(backend|build|cli|crds|kube|playground)\/|^version_options\.ts$/,
};

Deno.test("what is read here is the whole program", () => {
  assert.ok(program.length > 150, `${program.length} files`);
  for (const { path, imports } of program) {
    for (const { target, isOurs } of imports) {
      if (!isOurs && !target.startsWith("node:")) assert.match(target, /^[@a-z]/, path);
    }
  }
  const main = files.get("main.ts")!.imports;
  assert.ok(main.some(({ target, isLate }) => target === "backend/options.ts" && isLate));
  assert.ok(main.some(({ target, isType }) => target === "commander" && !isType));
});

Deno.test("folders import from those below them, and leave their neighbours alone", () => {
  complain(program.flatMap(({ path, imports }) => {
    const from = folderOf(path);
    const allowed = LAYERS[from];
    if (!allowed) return [`${path} is in a folder without a place among the layers`];
    return imports.flatMap(({ target, isOurs }) =>
      !isOurs || folderOf(target) === from || allowed.includes(folderOf(target)) ? [] : [`${path} imports ${target}`]
    );
  }));
});

Deno.test("the program does without its tests", () => {
  complain(
    program.flatMap(({ path, imports }) =>
      imports.flatMap(({ target }) => isTest(target) ? [`${path} imports ${target}`] : [])
    ),
  );
});

Deno.test("each package has one home, and is listed with its exact version", () => {
  const versions: Record<string, string> = config.imports;
  complain(
    Object.entries(versions).flatMap(([name, specifier]) =>
      /^npm:.+@\d+\.\d+\.\d+$/.test(specifier) ? [] : [`${name}: ${specifier}`]
    ),
  );
  complain(program.flatMap(({ path, imports }) =>
    imports.flatMap(({ target, isOurs }) => {
      if (isOurs || target.startsWith("node:")) return [];
      const name = packageOf(target);
      if (!(name in versions)) return [`${path} imports ${target}, which deno.json does not list`];
      return HOMES[name]?.test(path) ? [] : [`${path} imports ${target}, whose home is ${HOMES[name] ?? "not known"}`];
    })
  ));
});

/** Where a process begins. */
const SCRIPTS = ["main.ts", "build.ts", "bench/run.ts", "crds/generate.ts"];

Deno.test("arguments, environment and exit are the business of scripts", () => {
  complain(program.flatMap(({ path, text }) => {
    const code = text.replace(/\/\*[^]*?\*\/|\/\/.*/g, "");
    const used = /\bDeno\.(args|env|exit)\b|\bprocess\.(argv|env|exit)\b/.exec(code)?.[0];
    return used && !SCRIPTS.includes(path) ? [`${path} uses ${used}`] : [];
  }));
});

Deno.test("kube/ knows nothing of Klutch", () => {
  complain(program.flatMap(({ path, text }) => {
    const name = folderOf(path) === "kube" && /klutch[.-][a-z]/i.exec(text)?.[0];
    return name ? [`${path} says ${name}`] : [];
  }));
});

/** All files and packages that are loaded with a file. */
function loadedWith(path: string): { files: Set<string>; packages: Set<string> } {
  const loaded = { files: new Set<string>(), packages: new Set<string>() };
  const visit = (path: string) => {
    if (loaded.files.has(path)) return;
    loaded.files.add(path);
    for (const { target, isOurs, isLate, isType } of files.get(path)?.imports ?? []) {
      if (isLate || isType || target.startsWith("node:")) continue;
      if (isOurs) visit(target);
      else loaded.packages.add(packageOf(target));
    }
  };
  visit(path);
  return loaded;
}

Deno.test("klutch --help loads no subcommand", () => {
  const loaded = loadedWith("main.ts");
  assert.deepEqual([...loaded.packages], ["commander"]);
  complain([...loaded.files].filter((path) => !["", "kube"].includes(folderOf(path))));
  assert.ok(loaded.files.size < 20, [...loaded.files].join(" "));
});

for (
  const subcommand of [
    "backend",
    "konnector",
    "cli",
    "cli/status",
    "cli/schema",
    "cli/explain",
    "cli/check",
    "cli/unbind",
    "cli/konnector",
    "playground/demo",
  ]
) {
  const path = subcommand === "playground/demo" ? `${subcommand}_options.ts` : `${subcommand}/options.ts`;
  Deno.test(`${path}, read for help and for wrong flags, loads nothing that does the work`, () => {
    const late = files.get("main.ts")!.imports.find(({ target }) => target === path);
    assert.ok(late?.isLate);
    const loaded = loadedWith(path);
    complain([...loaded.packages].filter((name) => name !== "commander"));
    complain([...loaded.files].filter((path) => /\/(run|client|app|bind|demo)\.tsx?$/.test(path)));
    assert.ok(loaded.files.size < 30, [...loaded.files].join(" "));
  });
}
