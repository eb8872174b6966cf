import { Command, Option } from "commander";
import { flagsOf } from "../../command_line.ts";
import { examples } from "../../help.ts";
import type { ProgramContext } from "../../program.ts";
import type { AppClusterFlags } from "../app_cluster.ts";
import { addAppClusterFlags, toMilliseconds, WORK_CODES } from "../common_options.ts";
import type { RightsChoice } from "./install.ts";

interface Flags extends AppClusterFlags {
  image?: string;
  rights?: RightsChoice;
  waitTimeout: number;
  yes?: boolean;
}

/**
 * `klutch konnector install|upgrade|uninstall|manifests`.
 *
 * @param konnector the command that runs the konnector, or one without anything, where it cannot be run
 */
export function addKonnectorCommands(konnector: Command, context: ProgramContext): Command {
  const words = `${context.invokedAs} konnector`;
  const install = subcommand("install", "Install the konnector with the rights it needs");
  const upgrade = subcommand("upgrade", "Bring image, settings and rights of the installed one up to date");
  addDeployFlags(install, PUBLISHED);
  addDeployFlags(upgrade, RUNNING);
  const manifests = subcommand("manifests", "Print what install would apply, for GitOps");
  addRightsFlags(manifests, `${RUNNING}, else ${PUBLISHED}`);
  const uninstall = subcommand("uninstall", "Take the konnector away; what is bound stays, unattended")
    .option("-y, --yes", "also while something is bound");
  for (const command of [install, upgrade, manifests, uninstall]) {
    addAppClusterFlags(command, "accepted, without effect: the konnector lives in klutch-bind");
    command.addHelpText("after", WORK_CODES);
    konnector.addCommand(command);
  }
  const image = "registry.example/klutch:v0.1.0";
  install.addHelpText(
    "after",
    examples(
      ["With rights for what is bound; `bind` adds to them", `${words} install --image ${image}`],
      ["Review first", `${words} manifests --image ${image} > konnector.yaml`],
    ),
  );
  install.action(async () =>
    (await import("./install.ts")).runInstall({ ...read(install), isUpgrade: false }, context)
  );
  upgrade.action(async () => (await import("./install.ts")).runInstall({ ...read(upgrade), isUpgrade: true }, context));
  manifests.action(async () => (await import("./install.ts")).runManifests(read(manifests), context));
  uninstall.action(async () => {
    const { yes = false, ...appCluster } = flagsOf<Flags>(uninstall);
    await (await import("./uninstall.ts")).runUninstall({ isAgreed: yes, appCluster }, context);
  });
  return konnector;
}

const subcommand = (name: string, summary: string): Command =>
  new Command(name).summary(summary).description(`${summary}.`).usage("[flags]");

const RUNNING = "what runs now";
const PUBLISHED = "the published one of the Go implementation";

/** @param image that runs without `--image` */
function addRightsFlags(command: Command, image: string): void {
  command.option("--image <image>", `image to run (default: ${image})`)
    .addOption(
      new Option(
        "--rights <rights>",
        "bound: what is bound and claimed, and no more; all: everything, as the Go implementation needs",
      ).choices(["bound", "all"]),
    );
}

function addDeployFlags(command: Command, image: string): void {
  addRightsFlags(command, image);
  command.addOption(
    new Option("--wait-timeout <duration>", "how long to wait for its pods; 0 does not wait").default(300_000, "5m")
      .argParser(toMilliseconds),
  );
}

function read(command: Command) {
  const { image, rights, waitTimeout: waitTimeoutMs, ...appCluster } = flagsOf<Flags>(command);
  return { image, rights, waitTimeoutMs, appCluster };
}
