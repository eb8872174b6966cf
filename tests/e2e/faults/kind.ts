import type { Api } from "../../../kube/api.ts";
import type { ObjectKey } from "../../../kube/types.ts";

export const GROUP = "mangodb.com";

/** The objects of one bound API on both clusters, as seen by people who reach them without the network in between. */
export interface Kind {
  /** `MangoDB` */
  name: string;
  consumer: Api;
  provider: Api;
  /** Mapped namespaces by those of the consumer. */
  mapped: ReadonlyMap<string, string>;
}

export const onProvider = ({ mapped }: Kind, { namespace, name }: ObjectKey): ObjectKey => ({
  namespace: mapped.get(namespace!)!,
  name,
});

/** Undefined for objects elsewhere. */
export function onConsumer({ mapped }: Kind, { namespace, name }: ObjectKey): ObjectKey | undefined {
  const found = [...mapped].find(([, provider]) => provider === namespace);
  return found && { namespace: found[0], name };
}
