import { isJsonObject } from "../../kube/json.ts";
import type { DynamicObject } from "../../kube/types.ts";
import type { Change } from "./change.ts";

/** What API servers write themselves, and what says nothing to people. */
const NOISE = ["managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"];
/** kubectl's copy of the whole object. */
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/** The change as people may see it: without noise, and without what Secrets hold. */
export function masked(change: Change): Change {
  const [before, after] = [change.before, change.after].map((object) => object && trimmed(object));
  if (![before, after].some((object) => object && isSecret(object))) return { ...change, before, after };
  return {
    ...change,
    before: before && maskedSecret(before, after, "before"),
    after: after && maskedSecret(after, before, "after"),
  };
}

const isSecret = ({ apiVersion, kind }: DynamicObject): boolean => apiVersion === "v1" && kind === "Secret";

function trimmed({ metadata, ...fields }: DynamicObject): DynamicObject {
  const kept = Object.entries(metadata).filter(([name]) => !NOISE.includes(name));
  const annotations = Object.entries(metadata.annotations ?? {}).filter(([name]) => name !== LAST_APPLIED);
  const { apiVersion, kind, ...rest } = fields;
  return {
    apiVersion,
    kind,
    metadata: {
      ...Object.fromEntries(kept) as DynamicObject["metadata"],
      annotations: annotations.length > 0 ? Object.fromEntries(annotations) : undefined,
    },
    ...rest,
  };
}

/** Stars for each value, which tell whether it changes, in the words of `kubectl diff`. */
function maskedSecret(
  secret: DynamicObject,
  other: DynamicObject | undefined,
  when: "before" | "after",
): DynamicObject {
  const result: DynamicObject = { ...secret };
  for (const field of ["data", "stringData"]) {
    const values = secret[field];
    if (!isJsonObject(values)) continue;
    const others = other?.[field];
    result[field] = Object.fromEntries(
      Object.entries(values).map(([name, value]) => {
        const isChanged = isJsonObject(others) && Object.hasOwn(others, name) && others[name] !== value;
        return [name, isChanged ? `*** (${when})` : "***"];
      }),
    );
  }
  return result;
}
