import { readFile } from "node:fs/promises";
import { builtinModules, createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import * as esbuild from "esbuild";

export interface Bundle {
  /** File name of the program's start among `files`. */
  entry: string;
  /** Minified chunks by file name; one for each subcommand, loaded when it is chosen. */
  files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

// Packages written for CommonJS ask for `require` at run time.
const BANNER = 'import { createRequire as $createRequire } from "node:module"; ' +
  "const require = $createRequire(import.meta.url);";

/**
 * Bundles a program with all it imports, texts imported `with { type: "text" }` included.
 *
 * @param entryPoint path of a TypeScript file
 * @param define constants of the source, e.g. `{ KLUTCH_VERSION: "v0.1.0" }`
 */
export async function bundle(entryPoint: string, define: Record<string, string>): Promise<Bundle> {
  const outdir = join(dirname(entryPoint), "dist");
  try {
    const { outputFiles } = await esbuild.build({
      absWorkingDir: dirname(entryPoint),
      entryPoints: [entryPoint],
      outdir,
      outExtension: { ".js": ".mjs" },
      write: false,
      bundle: true,
      splitting: true,
      format: "esm",
      platform: "node",
      target: "esnext",
      minify: true,
      keepNames: true, // oidc-provider goes by the names of its classes
      legalComments: "none",
      jsx: "automatic",
      jsxImportSource: "hono/jsx",
      define: Object.fromEntries(Object.entries(define).map(([name, value]) => [name, JSON.stringify(value)])),
      banner: { js: BANNER },
      plugins: [textImports, nodeBuiltins, commonJsNames],
      logLevel: "silent",
    });
    const files = new Map(outputFiles.map(({ path, contents }) => [relative(outdir, path), new Uint8Array(contents)]));
    const entry = [...files.keys()].find((name) => !name.startsWith("chunk-") && isEntry(name, entryPoint));
    if (!entry) throw new Error(`Cannot bundle ${entryPoint}: esbuild wrote no entry point`);
    return { entry, files };
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    const messages = await esbuild.formatMessages(error.errors, { kind: "error", color: false });
    throw new Error(`Cannot bundle ${entryPoint}:\n${messages.join("")}`);
  } finally {
    await esbuild.stop(); // its helper process would keep ours alive
  }
}

const isEntry = (name: string, entryPoint: string) =>
  name === relative(dirname(entryPoint), entryPoint).replace(/\.tsx?$/, ".mjs");

const isBuildFailure = (error: unknown): error is esbuild.BuildFailure => error instanceof Error && "errors" in error;

const textImports: esbuild.Plugin = {
  name: "text imports",
  setup(build) {
    build.onLoad(
      { filter: /.*/ },
      async ({ path, with: attributes }) =>
        attributes.type === "text" ? { contents: await Deno.readFile(path), loader: "text" } : undefined,
    );
  },
};

/** Old packages import `fs` where Deno wants `node:fs`. */
const nodeBuiltins: esbuild.Plugin = {
  name: "node built-ins",
  setup(build) {
    const names = new Set(builtinModules);
    build.onResolve(
      { filter: /^[a-z_]+(\/[a-z_]+)*$/ },
      ({ path }) => names.has(path) ? { path: `node:${path}`, external: true } : undefined,
    );
  },
};

/**
 * `await import("yaml")` of a package written for CommonJS has its names in Deno, but only `default` after bundling:
 * such imports go through a module that exports the names.
 */
const commonJsNames: esbuild.Plugin = {
  name: "names of CommonJS packages",
  setup(build) {
    const namespace = "commonjs";
    build.onResolve({ filter: /^[^./]/, namespace: "file" }, async ({ kind, path, pluginData, ...from }) => {
      if (kind !== "dynamic-import" || pluginData === namespace) return undefined;
      const { importer, resolveDir } = from;
      const found = await build.resolve(path, { kind, importer, resolveDir, pluginData: namespace });
      return found.external || found.errors.length > 0 || !await isCommonJs(found.path)
        ? found
        : { path: found.path, namespace };
    });
    build.onLoad({ filter: /.*/, namespace }, ({ path }) => {
      const names = Object.keys(createRequire(path)(path)).filter((name) =>
        /^[\w$]+$/.test(name) && name !== "default"
      );
      const source = JSON.stringify(path);
      return {
        contents: `export { ${names.join(", ")} } from ${source}; export { default } from ${source};`,
        resolveDir: dirname(path),
      };
    });
  },
};

async function isCommonJs(path: string): Promise<boolean> {
  if (!path.endsWith(".js")) return path.endsWith(".cjs");
  for (let directory = dirname(path); directory !== dirname(directory); directory = dirname(directory)) {
    const text = await readFile(join(directory, "package.json"), "utf8").catch(() => undefined);
    if (text !== undefined) return JSON.parse(text).type !== "module";
  }
  return false;
}
