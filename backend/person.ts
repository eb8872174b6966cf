import { IDENTITY_ANNOTATION, PERSON_ANNOTATION } from "../crds/names.ts";
import { isJsonObject, parseJson } from "../kube/json.ts";
import type { Namespace } from "../kube/resources.ts";
import { annotationOf } from "../kube/types.ts";
import type { Person } from "./admission.ts";

/** What a cluster namespace keeps of its user: requests are judged by it. Its identity says the subject. */
export const formatPerson = ({ email, emailVerified, groups = [] }: Person): string =>
  JSON.stringify({ ...(emailVerified && { email }), groups: groups.toSorted() });

/** Whose contract a cluster namespace is; undefined where no login made it. */
export function personOf(namespace: Namespace): Person | undefined {
  const subject = annotationOf(namespace, IDENTITY_ANNOTATION)?.split("#", 1)[0];
  if (!subject) return undefined;
  const { email, groups } = readPerson(annotationOf(namespace, PERSON_ANNOTATION));
  return {
    subject,
    ...(typeof email === "string" && { email, emailVerified: true }),
    groups: Array.isArray(groups) ? groups.filter((group) => typeof group === "string") : [],
  };
}

function readPerson(text = "{}"): Record<string, unknown> {
  try {
    const value = parseJson(text);
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
}
