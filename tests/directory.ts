import { makeOwnedDirectory } from "../playground/owned_directory.ts";

/** Runs a test with a directory of its own. */
export async function inDirectory(test: (directory: string) => Promise<void>): Promise<void> {
  await using directory = await makeOwnedDirectory();
  await test(directory.path);
}
