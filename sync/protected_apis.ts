import { BACKEND_GROUP, GROUP } from "../crds/names.ts";
import type { GroupResource } from "../crds/shared.ts";

// What no provider gets hold of in an app cluster, whoever agreed to it.

/** API groups that hand out rights, or decide what an API server does. */
const POWERFUL_GROUPS = new Set([
  "rbac.authorization.k8s.io",
  "admissionregistration.k8s.io",
  "apiextensions.k8s.io",
  "apiregistration.k8s.io",
  "authentication.k8s.io",
  "authorization.k8s.io",
  "certificates.k8s.io",
]);
const POWERFUL_CORE_RESOURCES = new Set(["namespaces", "nodes"]);

/** Whoever writes our own kinds could accept claims, or lead the konnector to another provider. */
const isOwnGroup = (group: string): boolean =>
  [GROUP, BACKEND_GROUP].some((own) => group === own || group.endsWith(`.${own}`));

/** Whether objects of that kind may be copied from or to a provider. */
export const mayBeClaimed = ({ group, resource }: GroupResource): boolean =>
  !isOwnGroup(group) && !POWERFUL_GROUPS.has(group) && !(group === "" && POWERFUL_CORE_RESOURCES.has(resource));

/**
 * Whether a provider may install that API in an app cluster: none of Kubernetes' own groups, which have no dot or end in
 * `k8s.io` or `kubernetes.io`, and none of ours.
 */
export const mayBeBound = (group: string): boolean =>
  group.includes(".") && !isOwnGroup(group) && !/(^|\.)(k8s|kubernetes)\.io$/.test(group);
