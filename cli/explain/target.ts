import type { APIServiceBinding } from "../../crds/api_service_binding.ts";
import { discover, type ServedResource } from "../../kube/discovery.ts";
import { resourceName } from "../../kube/types.ts";
import type { Landscape } from "../diagnosis/landscape.ts";

/** What a kind that somebody typed stands for. */
export interface Target {
  typed: string;
  /** Absent when the cluster does not serve it. */
  resource?: ServedResource;
  /** Absent when it is not bound. */
  binding?: APIServiceBinding;
}

/** Reads a kind as kubectl does: kind, plural, singular or short name, with the group behind it or not. */
export async function findTarget(landscape: Landscape, typed: string, signal: AbortSignal): Promise<Target> {
  const { resources } = await discover(landscape.appCluster, signal);
  const [word = "", ...rest] = typed.toLowerCase().split(".");
  const group = rest.join(".");
  const fits = resources.filter((resource) =>
    (group === "" || resource.group === group) &&
    [resource.plural, resource.kind.toLowerCase(), resource.singular, ...resource.shortNames].includes(word)
  );
  const bindingOf = (name: string) => landscape.bindings.find(({ metadata }) => metadata.name === name);
  const bound = fits.find((resource) => bindingOf(resourceName(resource)));
  const resource = bound ?? fits[0];
  if (resource) return { typed, resource, binding: bindingOf(resourceName(resource)) };
  // Bound, but the cluster does not serve it yet: the binding has the plural in its name.
  const named = landscape.bindings.filter(({ metadata: { name } }) =>
    name === typed.toLowerCase() || [word, `${word}s`].includes(name.split(".")[0]!)
  );
  return { typed, ...(named.length === 1 && { binding: named[0] }) };
}
