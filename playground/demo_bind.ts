import { join } from "node:path";
import { HttpBrowser } from "./browser.ts";
import { POSTGRESQL_INSTANCES } from "./demo_api.ts";
import { logInAndBind } from "./demo_login.ts";
import type { Service } from "./demo_service.ts";
import { runService, type Stage } from "./demo_stage.ts";
import { followLines } from "./follow_lines.ts";
import { startGuarded } from "./guardian.ts";

const USER = "alice";
const LOGIN_URL = /^\s*(https?:\/\/\S+\/authorize\?\S+)\s*$/;

/** The app team's part: the konnector in its cluster, then `klutch bind`. @returns also the page that it asks to visit */
export async function bindApi(
  stage: Stage,
  exportUrl: string,
): Promise<{ konnector: Service; pageUrl: string }> {
  const { consumer, screen } = stage;
  screen.say(
    "The konnector, which keeps both clusters in sync, usually runs as a Deployment; there are no nodes here.",
  );
  screen.command("klutch konnector", consumer.title);
  const konnector = await runService(stage, { name: "konnector", args: ["--kubeconfig", consumer.kubeconfigPath] });
  return { konnector, pageUrl: await bind(stage, exportUrl, POSTGRESQL_INSTANCES.plural) };
}

/** Runs `klutch bind` for one API, and clicks where it says so. @returns the page that it asks to visit */
export async function bind(stage: Stage, exportUrl: string, api: string): Promise<string> {
  const { context: { self }, consumer, directory, interactive, screen, stack, tasks } = stage;
  const flags = ["--no-browser", "--skip-konnector"];
  screen.command(`klutch bind ${exportUrl} ${flags.join(" ")}`, consumer.title);
  const startedAt = performance.now();
  const program = stack.use(startGuarded({
    name: "bind",
    command: [...self, "bind", exportUrl, ...flags, "--kubeconfig", consumer.kubeconfigPath],
    logPath: join(directory, `bind-${api}.log`),
  }));
  let pageUrl = "";
  await screen.during("waiting for klutch bind", async (tell) => {
    for await (const line of followLines(program, tasks.signal)) {
      if (line.trim()) screen.quote(line);
      const url = LOGIN_URL.exec(line)?.[1];
      if (!url) continue;
      pageUrl = url;
      if (interactive) {
        screen.say(`${screen.bold("Open this page")}, log in with any name, and click Bind.`);
        tell("waiting for you to log in and click Bind");
      } else {
        tasks.run((signal) => visit(stage, { url, api }, signal));
      }
    }
  });
  const { code } = await program.exited;
  tasks.signal.throwIfAborted();
  if (code !== 0) throw new Error(`klutch bind ended with exit code ${code}; it said:\n${await program.logTail()}`);
  screen.done("bound", performance.now() - startedAt);
  return pageUrl;
}

/** A browser without scripts does what a person would. */
async function visit({ screen }: Stage, to: { url: string; api: string }, signal: AbortSignal): Promise<void> {
  using browser = new HttpBrowser();
  const tell = (what: string) => screen.say(`${screen.dim("browser:")} ${what}`);
  await logInAndBind(browser, { ...to, user: USER, tell }, signal);
}
