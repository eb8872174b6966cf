import { deepEqual, equal, match } from "node:assert/strict";
import { join } from "node:path";
import { env } from "node:process";
import { within } from "../tests/clusters.ts";
import { inDirectory } from "../tests/directory.ts";
import { findBinaries } from "./binaries.ts";

const withPrograms = (names: string[], test: (directory: string) => Promise<void>): Promise<void> =>
  inDirectory(async (directory) => {
    for (const name of names) await Deno.writeTextFile(join(directory, name), "", { mode: 0o755 });
    await test(directory);
  });

Deno.test("findBinaries() takes KUBEBUILDER_ASSETS when all four programs are there", () =>
  withPrograms(["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"], async (directory) => {
    const found = await findBinaries({ env: { KUBEBUILDER_ASSETS: directory } }, within(1_000));
    deepEqual(found, {
      etcd: [join(directory, "etcd")],
      kubeApiServer: [join(directory, "kube-apiserver")],
      kubeControllerManager: [join(directory, "kube-controller-manager")],
      kubectl: [join(directory, "kubectl")],
    });
  }));

Deno.test("findBinaries() says what KUBEBUILDER_ASSETS lacks, and looks further", () =>
  withPrograms(["etcd", "kube-apiserver", "kubectl"], async (directory) => {
    const lines: string[] = [];
    const search = { env: { ...env, KUBEBUILDER_ASSETS: directory }, progress: (line: string) => lines.push(line) };
    const found = await findBinaries(search, within(600_000));
    equal(lines[0], `KUBEBUILDER_ASSETS is not used: "${directory}" lacks kube-controller-manager`);
    const [program = "", ...args] = found.kubectl;
    const { stdout } = await new Deno.Command(program, { args: [...args, "version", "--client"] }).output();
    match(new TextDecoder().decode(stdout), /Client Version: v1\.\d+\.\d+/);
  }));
