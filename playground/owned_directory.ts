import { kill } from "node:process";
import { join } from "node:path";

const PREFIX = "klutch-";

export interface OwnedDirectory extends AsyncDisposable {
  readonly path: string;
}

/**
 * A directory for this process alone, removed at dispose. What a killed process left behind is removed here, by the
 * next one that asks: a directory's name carries its owner's process id.
 *
 * @param root where to create it; the system's directory for temporary files by default
 */
export async function makeOwnedDirectory(root?: string): Promise<OwnedDirectory> {
  const path = await Deno.makeTempDir({ dir: root, prefix: `${PREFIX}${Deno.pid}-` });
  await sweep(join(path, ".."));
  return { path, [Symbol.asyncDispose]: () => removeDirectory(path) };
}

async function sweep(root: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(root)) {
    const owner = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    // Another user's leftovers are that user's business: failing to remove them is fine.
    if (isDirectory && owner && !isAlive(Number(owner))) await removeDirectory(join(root, name)).catch(() => {});
  }
}

function isAlive(pid: number): boolean {
  try {
    return kill(pid, 0);
  } catch (error) {
    return (error as { code?: string }).code !== "ESRCH"; // EPERM: it lives, as somebody else's
  }
}

async function removeDirectory(path: string): Promise<void> {
  for (let left = 5;; left--) {
    try {
      return await Deno.remove(path, { recursive: true });
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      // A process that was killed a moment ago may have created one more file while we were removing.
      if (left === 0) throw new Error(`Cannot remove directory "${path}"`, { cause: error });
    }
  }
}
