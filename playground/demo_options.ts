import { Command } from "commander";
import { flagsOf } from "../command_line.ts";
import { examples } from "../help.ts";
import type { ProgramContext } from "../program.ts";
import type { DemoOptions } from "./demo.ts";

/** `klutch demo`: everything on this machine. */
export function demoCommand(context: ProgramContext): Command {
  const command = new Command("demo")
    .description(
      "Try Klutch on this machine: starts two real Kubernetes control planes, offers a database API on one of them, " +
        "binds it into the other, and shows an instance travel there and its status come back. Everything listens on " +
        "loopback, and nothing is left behind at the end.",
    )
    .option("--once", "end after the round trip; the exit code tells whether it worked", false)
    .option("--interactive", "leave the login and the Bind click to you and your browser", false)
    .option("--with-crossplane", "offer a service defined for Crossplane as well, and change its API", false)
    .addHelpText(
      "after",
      "\n" + examples(
        ["Show a round trip and keep running, to try things with kubectl", "klutch demo"],
        ["Log in and choose the API yourself", "klutch demo --interactive"],
        ["See a custom service, made with Crossplane", "klutch demo --with-crossplane"],
        ["As a smoke test", "klutch demo --once"],
      ) +
        "\nThe first run gets etcd, kube-apiserver and kubectl: from $KUBEBUILDER_ASSETS, by\ndownload, or built with Go. Crossplane is built with Go, which takes two minutes, once.",
    );
  return command.action(async () => {
    const { runDemo } = await import("./demo.ts");
    const signal = AbortSignal.any([context.signal, closedTerminal()]);
    await runDemo(flagsOf<DemoOptions>(command), context, signal);
  });
}

/** Fires when the terminal is closed: what we have started has to go then, too. */
function closedTerminal(): AbortSignal {
  const controller = new AbortController();
  Deno.addSignalListener("SIGHUP", () => controller.abort(new DOMException("The terminal was closed", "AbortError")));
  return controller.signal;
}
