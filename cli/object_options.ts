import type { Command } from "commander";
import { UsageError } from "../program.ts";
import type { AppClusterFlags } from "./app_cluster.ts";
import { addAppClusterFlags, addFormatFlag, completeBindingName } from "./common_options.ts";
import type { DataFormat } from "./data.ts";

/** Values of the flags of a command about one object of a bound API. */
export interface ObjectFlags extends AppClusterFlags {
  output: DataFormat;
  namespace?: string;
}

/** The object that a command is about, how that is printed, and the cluster that it is on. */
export function addObjectOptions(command: Command): Command {
  command
    .argument("[kind]", "kind, plural or short name, e.g. postgresqlinstance; KIND/NAME in one word works, too")
    .argument("[name]", "name of the object");
  addFormatFlag(command);
  addAppClusterFlags(command, "namespace of the object; that of your context, else default");
  return completeBindingName(command);
}

/** Reads `KIND NAME` or `KIND/NAME`. @throws {UsageError} when it is neither */
export function readObject([first = "", second]: readonly (string | undefined)[]): { kind: string; name: string } {
  const [kind, name, ...more] = second === undefined ? first.split("/") : [first, second];
  if (!kind || !name || more.length > 0) throw new UsageError("name the object: KIND NAME, or KIND/NAME");
  return { kind, name };
}
