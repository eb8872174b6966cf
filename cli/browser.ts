import type { ProgramContext } from "../program.ts";

/**
 * Opens a page in the person's browser, if there seems to be one: `$BROWSER` if set, else the desktop's choice.
 *
 * @returns whether a program was started; it may still fail to show the page, so the URL has to be printed as well
 */
export async function openBrowser(
  url: URL,
  { env, isTerminal }: Pick<ProgramContext, "env" | "isTerminal">,
): Promise<boolean> {
  if (!env.BROWSER && !isTerminal.stderr) return false; // nobody is watching
  try {
    const { default: open } = await import("open");
    const child = await open(url.href, env.BROWSER ? { app: { name: env.BROWSER } } : {});
    child.on("error", () => {}); // such a program does not exist: the URL is on the screen
    return true;
  } catch {
    return false;
  }
}
