import { IDENTITY_ANNOTATION, PERSON_ANNOTATION } from "../crds/names.ts";
import type { Api } from "../kube/client.ts";
import { isJsonObject, parseJson } from "../kube/json.ts";
import type { Namespace } from "../kube/resources.ts";
import { annotationOf } from "../kube/types.ts";
import type { Person } from "./admission.ts";

/** What decides later what a contract may have, without the subject, which its identity says. */
const formatPerson = ({ email, emailVerified, groups = [] }: Person): string =>
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

/** Keeps in a cluster namespace what the issuer said about its user; requests are judged by it. */
export async function recordPerson(
  namespaces: Api<Namespace>,
  name: string,
  person: Person,
  signal: AbortSignal,
): Promise<void> {
  await namespaces.mergePatch(
    { name },
    { metadata: { annotations: { [PERSON_ANNOTATION]: formatPerson(person) } } },
    {},
    signal,
  );
}
