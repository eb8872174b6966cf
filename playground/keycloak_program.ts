import { join } from "node:path";
import { ConfigError, messageOf } from "../kube/errors.ts";
import { exists, makeOnce, sha256, userCacheDirectory } from "../user_cache.ts";
import type { BinarySearch } from "./binaries.ts";
import { runGuarded } from "./run_guarded.ts";

const VERSION = "26.3.0";
const ARTIFACT = { group: "org.keycloak", name: "keycloak-quarkus-dist", version: VERSION };
const PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1";
/** Of the archive. */
const SHA_256 = "2fa6331fe85c69e4aba3f8360342605b37f2f5d05f8a5d53042f9684474b6d92";

/** What of its settings is compiled into it. */
const BUILD = ["build", "--db=dev-file"];

/**
 * Finds Keycloak in the user's cache, or gets it by Maven, with the mirrors of its settings: 160 MB, once.
 * It is built then for one server with a database of its own, so that it starts without writing into the cache.
 *
 * @returns its directory, with `bin/kc.sh`
 * @throws {ConfigError} saying what it needs
 */
export async function findKeycloak({ env, progress }: BinarySearch, signal: AbortSignal): Promise<string> {
  const inputs = await sha256(JSON.stringify([SHA_256, BUILD]));
  const path = join(userCacheDirectory(env), `keycloak-${inputs.slice(0, 16)}`);
  const making = { what: "Keycloak", progress };
  try {
    await requireJava(signal);
    if (!await exists(path)) progress?.(`keycloak: getting Keycloak ${VERSION} by Maven, 160 MB, once`);
    await makeOnce(
      path,
      async (draft) => {
        await download(draft, signal);
        await build(draft, signal);
      },
      making,
      signal,
    );
    return join(path, `keycloak-${VERSION}`);
  } catch (cause) {
    signal.throwIfAborted();
    throw new ConfigError(
      `Cannot get Keycloak ${VERSION}: ${messageOf(cause)}\n` +
        "It needs Java 17 or newer (java), Maven (mvn), and a Maven repository that mvn can reach.",
      { cause },
    );
  }
}

async function requireJava(signal: AbortSignal): Promise<void> {
  let text: string;
  try {
    const { stderr } = await new Deno.Command("java", { args: ["-version"], stdin: "null", signal }).output();
    text = new TextDecoder().decode(stderr);
  } catch (cause) {
    throw new Error("there is no java in PATH", { cause });
  }
  const major = Number(/version "(\d+)/.exec(text)?.[1]);
  if (!(major >= 17)) throw new Error(`the java in PATH is ${major ? `version ${major}` : "none that works"}`);
}

/** Maven unpacks it as well; the archive itself is looked at afterwards, in a repository that goes again. */
async function download(directory: string, signal: AbortSignal): Promise<void> {
  const { group, name, version } = ARTIFACT;
  const repository = join(directory, "maven");
  await runGuarded({
    name: "mvn",
    command: [
      ...["mvn", "--batch-mode", "--quiet", `-Dmaven.repo.local=${repository}`, `${PLUGIN}:unpack`],
      ...[`-Dartifact=${group}:${name}:${version}:zip`, `-DoutputDirectory=${directory}`],
    ],
    logPath: join(directory, "mvn.log"),
    cwd: directory,
  }, signal);
  const archive = join(repository, ...group.split("."), name, version, `${name}-${version}.zip`);
  const sum = await sha256(await Deno.readFile(archive));
  if (sum !== SHA_256) throw new Error(`the archive has SHA-256 ${sum}, expected ${SHA_256}`);
  await Deno.remove(repository, { recursive: true });
}

const build = (directory: string, signal: AbortSignal): Promise<void> =>
  runGuarded({
    name: "kc.sh build",
    command: ["/bin/sh", join(directory, `keycloak-${VERSION}`, "bin", "kc.sh"), ...BUILD],
    logPath: join(directory, "build.log"),
  }, signal);
