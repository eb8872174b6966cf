import { Command, Option } from "commander";
import { flagsOf } from "../command_line.ts";
import { examples } from "../help.ts";
import { ignoreLogFlags } from "../log_flags.ts";
import { type ProgramContext, UsageError } from "../program.ts";
import { addAppClusterFlags, toMilliseconds, WORK_CODES } from "./common_options.ts";
import type { AppClusterFlags } from "./app_cluster.ts";
import type { BindOptions } from "./bind.ts";
import type { BindApiServiceOptions } from "./bind_apiservice.ts";
import type { Output } from "./output.ts";
import type { ClaimPolicy } from "./permission_prompt.ts";
import { addTokenFlags, readTokenSource, type TokenFlags } from "./token_options.ts";
import { parseHttpUrl } from "./url.ts";

interface CommonFlags extends AppClusterFlags {
  acceptClaims?: string[];
  secretFile?: string;
  skipKonnector?: boolean;
  konnectorImage?: string;
  downgradeKonnector?: boolean;
  waitTimeout: number;
  providerCaFile?: string;
  output?: Output;
  template?: string;
}

interface BindFlags extends CommonFlags, TokenFlags {
  dryRun?: boolean;
  browser: boolean;
  nonInteractive?: boolean;
  api?: string[];
}

interface ApiServiceFlags extends CommonFlags {
  file?: string;
  remoteKubeconfig?: string;
  remoteKubeconfigNamespace?: string;
  remoteKubeconfigName?: string;
  remoteNamespace?: string;
}

/** `klutch bind`, with `klutch bind apiservice` below it. */
export function bindCommand(context: ProgramContext): Command {
  const words = context.invokedAs === "kubectl bind" ? context.invokedAs : `${context.invokedAs} bind`;
  const command = new Command("bind")
    .description(
      "Bind APIs of a provider into the cluster of your current context. You log in and choose in the browser; " +
        "then the konnector, which is installed if need be, keeps the objects of both clusters in sync.",
    )
    .usage("URL [flags]")
    .argument("[url]", "the provider's export page, e.g. https://HOST/export")
    .enablePositionalOptions()
    .option("-d, --dry-run", "log in, say what would be made and print the requests; bind nothing")
    .option("--no-browser", "do not open the browser, only print the URL to visit");
  addCommonFlags(command);
  command
    .optionsGroup("Without a browser:")
    .option("--non-interactive", "ask nobody here: log in by device code, or as a program with the flags below")
    .option("--api <resource.group>", "what to bind; may be given several times", collect);
  return addTokenFlags(command)
    .addCommand(apiServiceCommand(context, words))
    .addHelpText(
      "after",
      WORK_CODES + "\n" + examples(
        ["Log in to a provider, choose an API and bind it", `${words} https://HOST/export`],
        ["From a machine without a browser", `${words} https://HOST/export --no-browser`],
        [
          "From a pipeline that has a token of its own",
          `${words} https://HOST/export --non-interactive --identity-token-file token --api dbs.example.com \\\n` +
          "    --accept-claims required",
        ],
        ["See what would be requested", `${words} https://HOST/export --dry-run -o yaml > request.yaml`],
        [
          "Bind it later, without a browser",
          `${words} apiservice --remote-kubeconfig provider.kubeconfig -f request.yaml`,
        ],
      ),
    )
    .action(async (url: string | undefined) => {
      if (url === undefined) return command.outputHelp();
      if (!/^https?:\/\//.test(url)) {
        throw new UsageError(
          `unknown argument: '${url}': it has to be a URL like https://HOST/export, or 'apiservice'`,
        );
      }
      const options = toBindOptions(url, flagsOf<BindFlags>(command), context.env);
      const { runBind } = await import("./bind.ts");
      await runBind(options, context);
    });
}

function apiServiceCommand(context: ProgramContext, words: string): Command {
  const command = new Command("apiservice")
    .summary("Bind what a manifest asks for, with a kubeconfig from an earlier login")
    .description("Bind the APIs that an APIServiceExportRequest asks for, with the kubeconfig of an earlier login.")
    .usage("(URL | -f FILE) [flags]")
    .argument("[url]", "where to get the APIServiceExportRequest manifest")
    .option("-f, --file <file>", "file with the APIServiceExportRequest manifest; - reads it from stdin")
    .option("--remote-kubeconfig <file>", "kubeconfig of the provider")
    .option("--remote-kubeconfig-namespace <ns>", "namespace of a Secret with that kubeconfig, here")
    .option("--remote-kubeconfig-name <name>", "name of that Secret")
    .option("--remote-namespace <ns>", "namespace on the provider, instead of the kubeconfig's")
    .addOption(new Option("--no-banner").hideHelp());
  addCommonFlags(command);
  return command
    .addHelpText(
      "after",
      WORK_CODES + "\n" + examples(
        [
          "Bind what a dry run has printed",
          `${words} apiservice --remote-kubeconfig provider.kubeconfig -f request.yaml`,
        ],
        [
          "With the kubeconfig that an earlier bind has stored",
          `${words} apiservice --remote-kubeconfig-namespace klutch-bind --remote-kubeconfig-name NAME -f request.yaml`,
        ],
      ),
    )
    .action(async (url: string | undefined) => {
      const options = toApiServiceOptions(url, flagsOf<ApiServiceFlags>(command));
      const { runBindApiService } = await import("./bind_apiservice.ts");
      await runBindApiService(options, context);
    });
}

function addCommonFlags(command: Command): void {
  const konnector = "Konnector flags:";
  const output = "Output flags:";
  const options = [
    new Option("--skip-konnector", "do not install or update the konnector").helpGroup(konnector),
    new Option("--konnector-image <image>", "install the konnector with this image, whatever runs now").helpGroup(
      konnector,
    ),
    new Option("--downgrade-konnector", "replace a newer konnector, too").helpGroup(konnector),
    new Option(
      "--wait-timeout <duration>",
      "how long to wait for the konnector and the binding; 0 does not wait for the latter",
    )
      .default(300_000, "5m").argParser(toMilliseconds).helpGroup(konnector),
    new Option("-o, --output <format>", "print what is bound as table or name; json and yaml are manifests of it")
      .choices(["json", "yaml", "name", "table"]).helpGroup(output),
    new Option("--secret-file <file>", "write the Secret that they need there, as a manifest").helpGroup(output),
    new Option("--show-managed-fields").hideHelp(),
    new Option(
      "--accept-claims <all|required|names>",
      "accept these permission claims and reject others, instead of asking; names are those of kinds, e.g. secrets",
    ).argParser(collect),
    new Option("--template <template>").hideHelp(),
    new Option("--allow-missing-template-keys").hideHelp(),
    new Option("--provider-ca-file <file>", "certificates to trust for the provider's URL (PEM)"),
    new Option("--disable-compression").hideHelp(),
  ];
  for (const option of options) command.addOption(option);
  addAppClusterFlags(command, "accepted, without effect: bindings live in klutch-bind");
  ignoreLogFlags(command);
}

function toCommonOptions(flags: CommonFlags) {
  if (flags.template !== undefined) {
    throw new UsageError("--template is not supported: print with -o json, and pick from that with jq");
  }
  const { skipKonnector = false, konnectorImage: image, downgradeKonnector = false } = flags;
  return {
    konnector: { image, skip: skipKonnector, downgrade: downgradeKonnector },
    claims: readClaimPolicy(flags.acceptClaims),
    waitTimeoutMs: flags.waitTimeout,
    output: flags.output,
    secretFile: flags.secretFile,
    providerCaFile: flags.providerCaFile,
    appCluster: flags,
  };
}

/** For flags that may be given several times, or once with commas. */
const collect = (text: string, before: string[] = []) => [...before, ...text.split(",").map((one) => one.trim())];

function readClaimPolicy(words: string[] | undefined): ClaimPolicy {
  if (!words) return "ask";
  const [first] = words;
  if (words.length === 1 && (first === "all" || first === "required")) return first;
  if (words.every((word) => word && word !== "all" && word !== "required")) return { names: words };
  throw new UsageError(`invalid value '${words.join(",")}' for '--accept-claims': it takes all, required, or names`);
}

/** @throws {UsageError} */
function toBindOptions(url: string, flags: BindFlags, env: ProgramContext["env"]): BindOptions {
  const common = { ...toCommonOptions(flags), url: parseHttpUrl(url), dryRun: flags.dryRun ?? false };
  const { nonInteractive, api: apis = [], browser: opens } = flags;
  if (!nonInteractive) {
    const only = (["api", "identityTokenFile", "clientId", "clientSecretFile", "issuer"] as const)
      .find((flag) => flags[flag] !== undefined);
    if (only) throw new UsageError(`'--${only.replace(/[A-Z]/g, "-$&").toLowerCase()}' needs '--non-interactive', too`);
    return { ...common, login: { kind: "browser", opens } };
  }
  if (apis.length === 0) throw new UsageError("'--non-interactive' needs '--api': nobody is there to choose");
  const claims = common.claims === "ask" ? "unanswered" : common.claims;
  return { ...common, claims, login: { kind: "token", source: readTokenSource(flags, env), apis } };
}

/** @throws {UsageError} */
function toApiServiceOptions(url: string | undefined, flags: ApiServiceFlags): BindApiServiceOptions {
  const { file, remoteKubeconfig: path, remoteKubeconfigNamespace: namespace, remoteKubeconfigName: name } = flags;
  if (!url && !file) throw new UsageError("url or file is required");
  if (url && file) throw new UsageError("url and file are mutually exclusive");
  if (!namespace !== !name) {
    throw new UsageError("remote-kubeconfig-namespace and remote-kubeconfig-name must be specified together");
  }
  let remoteKubeconfig: BindApiServiceOptions["remoteKubeconfig"];
  if (path) remoteKubeconfig = { path };
  else if (namespace && name) remoteKubeconfig = { namespace, name };
  else throw new UsageError("remote-kubeconfig or remote-kubeconfig-namespace and remote-kubeconfig-name are required");
  return {
    ...toCommonOptions(flags),
    manifest: url ? { url: parseHttpUrl(url) } : file === "-" ? "stdin" : { path: file! },
    remoteKubeconfig,
    remoteNamespace: flags.remoteNamespace,
  };
}
