import type { AcceptablePermissionClaim, PermissionClaim } from "../crds/shared.ts";
import { printable } from "./printable.ts";
import type { Terminal } from "./terminal.ts";

/** Says in words what a provider asks for, and ends with the question. */
export function describeClaim(claim: PermissionClaim): string {
  return [
    `The provider wants to ${wish(claim)}on your cluster.\n`,
    claim.create?.replaceExisting ? "Conflicting objects will be replaced by the provider. " : "",
    claim.onConflict?.recreateWhenConsumerSideDeleted ? "Created objects will be recreated upon deletion. " : "",
    changes(claim),
    claim.required
      ? "Accepting this Permission is required in order to proceed.\n"
      : "Accepting this Permission is optional.\n",
    "Do you accept this Permission? [No,Yes]\n",
  ].join("");
}

function wish({ resource, group, version, selector, autoAdopt, autoDonate }: PermissionClaim): string {
  const apiVersion = printable(group ? `${group}/${version}` : version);
  const objects = `${printable(resource)} objects (apiVersion: "${apiVersion}")`;
  const verb = autoAdopt
    ? "have ownership of"
    : autoDonate
    ? "create user owned"
    : selector?.owner === "Provider"
    ? "write"
    : selector?.owner === "Consumer"
    ? "read"
    : "read and write";
  const names = selector?.names ?? [];
  if (names.length === 0) return `${verb} ${objects} `;
  return `${verb} ${objects} which are referenced with:\n${
    names.map((name) => `\t- name: "${printable(name)}"\n`).join("")
  }`;
}

function changes({ update }: PermissionClaim): string {
  const quoted = (paths: string[]) => paths.map((path) => `\t"${printable(path)}"\n`).join("");
  let text = "";
  if (update?.fields?.length) {
    text += "The following fields of the objects will still be able to be changed by the provider:\n" +
      quoted(update.fields);
  }
  if (update?.preserving?.length) {
    text += "The following fields of the objects will be preserved by the provider:\n" + quoted(update.preserving);
  }
  if (update?.alwaysRecreate) {
    text += "Modification of said objects will be handled by deletion and recreation of said objects.\n";
  }
  return text;
}

/**
 * Asks about each claim in turn and again until the answer is yes or no.
 *
 * @throws when the input ends before the last answer
 */
export async function answerClaims(
  claims: readonly PermissionClaim[],
  terminal: Terminal,
  signal: AbortSignal,
): Promise<AcceptablePermissionClaim[]> {
  const answered: AcceptablePermissionClaim[] = [];
  for (const claim of claims) {
    const accepted = await answer(claim, terminal, signal);
    if (accepted === undefined) {
      throw new Error(
        `Cannot bind: the input ended before the question about ${printable(claim.resource)} was answered; ` +
          `answer in a terminal, or pipe one line with yes or no per question (${claims.length} in all)`,
      );
    }
    answered.push({ ...claim, state: accepted ? "Accepted" : "Rejected" });
  }
  return answered;
}

async function answer(claim: PermissionClaim, terminal: Terminal, signal: AbortSignal): Promise<boolean | undefined> {
  while (true) {
    const line = await terminal.ask(describeClaim(claim), signal);
    switch (line?.trim().toLowerCase()) {
      case undefined:
        return undefined;
      case "y":
      case "yes":
        return true;
      case "n":
      case "no":
        return false;
    }
  }
}
