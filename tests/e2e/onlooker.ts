/** How often the list of processes is looked at. */
const EVERY_MS = 20;

/**
 * Somebody else on the machine, who looks at the processes that start, and at the files that come and go in a
 * directory, for as long as it is open.
 */
export class Onlooker implements AsyncDisposable {
  readonly #watcher: Deno.FsWatcher;
  readonly #looking: Promise<unknown>;
  #isOpen = true;
  /** Command lines, as `ps` shows them. */
  readonly commandLines = new Set<string>();
  readonly environments = new Set<string>();
  /** Files and directories that there were, for however short a time. */
  readonly paths = new Set<string>();

  constructor(directory: string) {
    this.#watcher = Deno.watchFs(directory);
    const known = new Set(processIds());
    this.#looking = Promise.all([this.#watchProcesses(known), this.#watchFiles()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOpen = false;
    this.#watcher.close();
    await this.#looking;
  }

  async #watchProcesses(known: ReadonlySet<string>): Promise<void> {
    while (this.#isOpen) {
      for (const id of processIds()) {
        if (known.has(id)) continue;
        this.commandLines.add(readNow(`/proc/${id}/cmdline`));
        this.environments.add(readNow(`/proc/${id}/environ`));
      }
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }

  async #watchFiles(): Promise<void> {
    for await (const { paths } of this.#watcher) for (const path of paths) this.paths.add(path);
  }
}

const processIds = (): string[] =>
  [...Deno.readDirSync("/proc")].map(({ name }) => name).filter((name) => /^\d+$/.test(name));

function readNow(path: string): string {
  try {
    return Deno.readTextFileSync(path).replaceAll("\0", " ").trim();
  } catch {
    return ""; // it has ended
  }
}
