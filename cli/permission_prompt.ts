import { describeClaim as explainClaim } from "../crds/claim_words.ts";
import { type AcceptablePermissionClaim, groupResourceName, type PermissionClaim } from "../crds/shared.ts";
import { printable } from "../printable.ts";
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

/** How claims are answered: by a person, or by what was said in advance, if it was. */
export type ClaimPolicy = "ask" | "unanswered" | "all" | "required" | { names: readonly string[] };

/** Claims of one API. */
export interface ApiClaims {
  /** `<resource>.<group>` */
  name: string;
  claims: readonly PermissionClaim[];
}

/**
 * Answers each claim of an API; a person is asked again until the answer is yes or no.
 *
 * @throws when the input ends before the last answer
 */
export async function answerClaims(
  { name, claims }: ApiClaims,
  policy: ClaimPolicy,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<AcceptablePermissionClaim[]> {
  const answered: AcceptablePermissionClaim[] = [];
  for (const claim of claims) {
    const { crossing, details } = explainClaim(claim);
    const words = printable(`${name}: ${crossing}. ${details.join(" ")}`, 2000);
    if (policy === "ask") terminal.say(`🛂 ${words}`);
    const accepted = policy === "ask" ? await answer(claim, terminal, signal) : isAccepted(claim, policy);
    if (accepted === undefined) {
      throw new Error(
        `Cannot bind: the input ended before the question about ${printable(claim.resource)} was answered; ` +
          `answer in a terminal, pipe one line with yes or no per question (${claims.length} in all), ` +
          "or give --accept-claims",
      );
    }
    if (policy !== "ask") terminal.say(`🛂 ${accepted ? "Accepted" : "Rejected"}: ${words}`);
    answered.push({ ...claim, state: accepted ? "Accepted" : "Rejected" });
  }
  return answered;
}

function isAccepted(claim: PermissionClaim, policy: Exclude<ClaimPolicy, "ask">): boolean {
  if (policy === "all") return true;
  if (policy === "required") return claim.required ?? false;
  if (policy === "unanswered") {
    throw new Error(
      `Cannot bind: the provider claims ${printable(groupResourceName(claim))}, and nobody is there to ask; ` +
        "say what you accept with --accept-claims: all, required, or names",
    );
  }
  return policy.names.some((name) => isNamed(claim, name));
}

/** By plural, with or without the group. */
const isNamed = (claim: PermissionClaim, name: string) => [claim.resource, groupResourceName(claim)].includes(name);

/**
 * Makes sure that each name that was given in advance is that of a claim.
 *
 * @throws {Error} naming those that are claimed
 */
export function checkPolicy(policy: ClaimPolicy, claims: readonly PermissionClaim[]): void {
  if (typeof policy === "string") return;
  const stranger = policy.names.find((name) => !claims.some((claim) => isNamed(claim, name)));
  if (stranger === undefined) return;
  const known = [...new Set(claims.map((claim) => printable(groupResourceName(claim))))].join(", ");
  throw new Error(
    `Cannot bind: --accept-claims names ${printable(stranger)}, and the provider claims ${known || "nothing"}`,
  );
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
