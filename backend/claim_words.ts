import { groupResourceName, type PermissionClaim } from "../crds/shared.ts";

/** A permission claim for people who decide on it. */
export interface ClaimWords {
  /** E.g. `Writes secrets into your cluster`. */
  summary: string;
  details: string[];
}

/** Says in plain words what a claim lets the provider do on the app cluster. */
export function describeClaim(claim: PermissionClaim): ClaimWords {
  const { selector = {}, create, onConflict, update, required } = claim;
  const { owner, labelSelectors = [] } = selector;
  const objects = groupResourceName(claim);
  const restrictions = [
    restriction("named", selector.names),
    restriction("in the namespaces", selector.namespaces),
    labelSelectors.length > 0 && `labelled ${labelSelectors.map(labelsText).join(" or ")}`,
  ].filter((text) => typeof text === "string");
  const details = [
    restrictions.length > 0 ? `Only those ${restrictions.join(", ")}.` : "In every namespace where you use this API.",
    create?.replaceExisting && "An object of yours with the same name is replaced.",
    owner !== "Consumer" && onConflict?.recreateWhenConsumerSideDeleted && "If you delete one, it is created again.",
    update?.alwaysRecreate && "Changes are made by deleting and creating.",
    required && "The API does not work without it.",
  ].filter((text) => typeof text === "string");
  return { summary: summaryOf(owner, objects), details };
}

function summaryOf(owner: "Provider" | "Consumer" | undefined, objects: string): string {
  switch (owner) {
    case "Provider":
      return `Writes ${objects} of its own into your cluster`;
    case "Consumer":
      return `Reads your cluster's ${objects}`;
    case undefined:
      return `Reads and writes ${objects} on your cluster`;
  }
}

const restriction = (what: string, values: string[] = []) =>
  values.length > 0 && !values.includes("*") && `${what} ${values.join(", ")}`;

const labelsText = (labels: Record<string, string>) =>
  Object.entries(labels).map(([label, value]) => `${label}=${value}`).join(" and ");
