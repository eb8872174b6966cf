import { groupResourceName, type PermissionClaim } from "./shared.ts";

/** A permission claim for people who decide on it. */
export interface ClaimWords {
  /** E.g. `Writes secrets into your cluster`. */
  summary: string;
  /** What crosses the border between the clusters, e.g. `secrets of the provider are copied into this cluster`. */
  crossing: string;
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
  return { ...directionOf(owner, objects), details };
}

function directionOf(owner: "Provider" | "Consumer" | undefined, objects: string) {
  switch (owner) {
    case "Provider":
      return {
        summary: `Writes ${objects} of its own into your cluster`,
        crossing: `${objects} of the provider are copied into this cluster`,
      };
    case "Consumer":
      return {
        summary: `Reads your cluster's ${objects}`,
        crossing: `${objects} of this cluster are copied to the provider, with all they hold`,
      };
    case undefined:
      return {
        summary: `Reads and writes ${objects} on your cluster`,
        crossing: `${objects} are copied in both directions, with all they hold`,
      };
  }
}

const restriction = (what: string, values: string[] = []) =>
  values.length > 0 && !values.includes("*") && `${what} ${values.join(", ")}`;

const labelsText = (labels: Record<string, string>) =>
  Object.entries(labels).map(([label, value]) => `${label}=${value}`).join(" and ");
