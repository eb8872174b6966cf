import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
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
  // On Deno 2.6, `open` ends the whole process when it starts a program that does not exist.
  if (Deno.build.os === "linux" && !env.WSL_DISTRO_NAME && !await isProgram(env.BROWSER || "xdg-open", env.PATH)) {
    return false;
  }
  try {
    const { default: open } = await import("open");
    const child = await open(url.href, env.BROWSER ? { app: { name: env.BROWSER } } : {});
    child.on("error", () => {}); // the URL is on the screen as well
    return true;
  } catch {
    return false;
  }
}

async function isProgram(name: string, path = ""): Promise<boolean> {
  const places = name.includes("/") ? [name] : path.split(delimiter).map((directory) => join(directory, name));
  for (const place of places) {
    if (await access(place, constants.X_OK).then(() => true, () => false)) return true;
  }
  return false;
}
