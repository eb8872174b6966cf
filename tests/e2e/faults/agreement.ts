import { SYNC_FINALIZER } from "../../../crds/names.ts";
import { deepEqual } from "../../../kube/json.ts";
import { type DynamicObject, formatKey, hasFinalizer, isDeleting, keyOf } from "../../../kube/types.ts";
import { covers } from "../../../sync/instance_plan.ts";
import { within } from "../../clusters.ts";
import { type Editors, placeName } from "./editors.ts";
import { type Kind, onConsumer, onProvider } from "./kind.ts";

/** What keeps two clusters from being in full agreement, a line each; empty when they are. */
export async function findDifferences(kind: Kind, { intents }: Pick<Editors, "intents">): Promise<string[]> {
  const { items: consumers } = await kind.consumer.list({}, within(10_000));
  const { items: providers } = await kind.provider.list({}, within(10_000));
  const there = new Set(consumers.map((object) => placeName(kind, keyOf(object))));
  const counterparts = new Map(providers.map((object) => [formatKey(keyOf(object)), object]));
  const differences = consumers.flatMap((consumer) => {
    const provider = counterparts.get(formatKey(onProvider(kind, keyOf(consumer))));
    const difference = differenceOf(consumer, provider);
    return difference ? [`${placeName(kind, keyOf(consumer))}: ${difference}`] : [];
  });
  for (const provider of providers) {
    const key = onConsumer(kind, keyOf(provider));
    if (!key) differences.push(`${formatKey(keyOf(provider))} on the provider is nobody's`);
    else if (!there.has(placeName(kind, key))) differences.push(`${placeName(kind, key)}: only the provider has it`);
  }
  for (const [place, intent] of intents) {
    if (!place.startsWith(`${kind.name} `)) continue;
    if (intent === "there" && !there.has(place)) differences.push(`${place}: lost`);
    if (intent === "gone" && there.has(place)) differences.push(`${place}: back, although it was deleted`);
  }
  return differences;
}

function differenceOf(consumer: DynamicObject, provider: DynamicObject | undefined): string | undefined {
  if (isDeleting(consumer)) return "is still being deleted";
  if (!hasFinalizer(consumer, SYNC_FINALIZER)) return "is not held";
  if (!provider) return "is not on the provider";
  if (isDeleting(provider)) return "is being deleted on the provider";
  const { resourceRef: _theirs, ...spec } = provider.spec as Record<string, unknown>;
  if (!covers(spec, consumer.spec) || !covers(consumer.spec, spec)) {
    return `specs differ: ${JSON.stringify(consumer.spec)} and ${JSON.stringify(provider.spec)}`;
  }
  if (!deepEqual(consumer.status, provider.status)) {
    return `statuses differ: ${JSON.stringify(consumer.status)} and ${JSON.stringify(provider.status)}`;
  }
}
