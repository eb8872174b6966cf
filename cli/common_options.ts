import { type Command, InvalidArgumentError, Option } from "commander";
import { completeOperands } from "../completion.ts";
import { parseGoDuration } from "../kube/duration.ts";
import type { DataFormat } from "./data.ts";

/** Flags that name the app cluster and how to get there, as kubectl has them. */
export function addAppClusterFlags(command: Command, namespace: string): void {
  const cluster = "App cluster flags:";
  const options = [
    new Option("--kubeconfig <file>", "kubeconfig file to use").helpGroup(cluster),
    new Option("--context <name>", "context of the kubeconfig to use").helpGroup(cluster),
    new Option("--user <name>", "user of the kubeconfig to use").helpGroup(cluster),
    new Option("-n, --namespace <name>", namespace).helpGroup(cluster),
    new Option("--server <url>", "address of the API server").helpGroup(cluster),
    new Option("--certificate-authority <file>", "certificates to trust for the API server (PEM)").helpGroup(cluster),
    new Option("--tls-server-name <name>", "name to verify the API server's certificate against").helpGroup(cluster),
    new Option("--proxy-url <url>", "HTTP proxy on the way to the API server").helpGroup(cluster),
    new Option("--token <token>", "bearer token for the API server").helpGroup(cluster),
    new Option("--username <name>", "user name for basic authentication").helpGroup(cluster),
    new Option("--password <password>", "password for basic authentication").helpGroup(cluster),
    new Option("--as-uid <uid>", "uid to impersonate").helpGroup(cluster),
    new Option("--insecure-skip-tls-verify").hideHelp(), // refused, with a hint
  ];
  for (const option of options) command.addOption(option);
}

const FORMATS: readonly DataFormat[] = ["table", "json", "yaml"];

/** How a command prints what it found. */
export function addFormatFlag(command: Command): void {
  const option = new Option("-o, --output <format>", "print as json, yaml or table").choices([...FORMATS]);
  command.addOption(option.default("table"));
}

/** Lets shells complete the first operand with what is bound. */
export const completeBindingName = (command: Command): Command =>
  completeOperands(
    command,
    async (context, flags, operands) =>
      operands.length > 0 ? [] : (await import("./completion.ts")).bindingNames(context, flags),
  );

/** Reads a duration for a flag, e.g. `90s` or `5m`. */
export function toMilliseconds(text: string): number {
  const ms = parseGoDuration(text);
  if (ms === undefined || ms < 0) throw new InvalidArgumentError("It has to be a duration, e.g. 90s or 5m.");
  return ms;
}

/** Exit codes of commands that do things, for their help. */
export const WORK_CODES = `
Exit codes:
  0  done
  1  the command could not do its work
  2  the command line is wrong
`;

/** Exit codes of commands that look at things, for their help. */
export const EXIT_CODES = `
Exit codes:
  0  all is well, or goes on by itself
  1  the command could not do its work
  2  the command line is wrong
  3  something needs to be mended: see the lines that say FAIL
`;
