import { isJsonObject } from "../kube/json.ts";

type Fields = Record<string, unknown>;

/** Lists of a container whose items are merged, by the field that tells them apart; other lists are replaced. */
const MERGE_KEYS: Record<string, string> = {
  env: "name",
  ports: "containerPort",
  volumeMounts: "mountPath",
  volumeDevices: "devicePath",
};
/** Of the fields of one group an object has one: ways in which a probe looks, or where a variable comes from. */
const ALTERNATIVES = [["exec", "grpc", "httpGet", "sleep", "tcpSocket"], ["value", "valueFrom"]];

/**
 * A container with changes, field by field, as a strategic merge patch makes them. Empty texts, lists and objects change
 * nothing: clients with typed objects write them for fields that nobody has set.
 *
 * @see https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md
 */
export function mergeContainer<Container extends object>(container: Container, overrides: object): Container {
  return mergeFields(container as Fields, overrides as Fields) as Container;
}

function mergeFields(base: Fields, changes: Fields): Fields {
  const merged = withoutAlternatives(base, changes);
  for (const [name, value] of Object.entries(changes)) {
    if (!isEmpty(value)) merged[name] = mergeValue(name, merged[name], value);
  }
  return merged;
}

function mergeValue(name: string, base: unknown, change: unknown): unknown {
  if (isJsonObject(change)) return mergeFields(isJsonObject(base) ? base : {}, change);
  const key = MERGE_KEYS[name];
  return key && Array.isArray(base) && Array.isArray(change) ? mergeList(base, change, key) : change;
}

function mergeList(base: Fields[], changes: Fields[], key: string): Fields[] {
  const changed = base.map((item) => {
    const change = changes.find((change) => change[key] === item[key]);
    return change ? { ...withoutAlternatives(item, change), ...change } : item;
  });
  return [...changed, ...changes.filter((change) => !base.some((item) => item[key] === change[key]))];
}

function withoutAlternatives(base: Fields, changes: Fields): Fields {
  const given = (field: string) => !isEmpty(changes[field]);
  const outdated = ALTERNATIVES.filter((group) => group.some(given)).flat().filter((field) => !given(field));
  return Object.fromEntries(Object.entries(base).filter(([field]) => !outdated.includes(field)));
}

/** Whether nothing is set in it; `false` and 0 are something. */
const isEmpty = (value: unknown): boolean =>
  value === "" || value === null || value === undefined ||
  (typeof value === "object" && Object.values(value).every(isEmpty));
