import { API_SERVICE_BINDINGS, GROUP, KLUTCH_NAMESPACE } from "../../crds/names.ts";
import { resourceName } from "../../kube/types.ts";
import { limitToNames, type Right } from "../../sync/rights.ts";
import { konnectorManifests } from "../konnector/manifests.ts";
import { boundRights } from "../konnector/rights.ts";

const RBAC = "rbac.authorization.k8s.io";
/** What is done with each object of the konnector: it is looked for, applied, and taken back when `bind` fails. */
const APPLIED = ["get", "create", "patch", "delete"];

const ofKonnector = konnectorManifests("", boundRights([])).flatMap(({ resource, object: { metadata } }) => {
  const { group, plural } = resource;
  // A claim may list any namespace, and gets a Role there.
  const namespaces = metadata.namespace && group !== RBAC ? [metadata.namespace] : undefined;
  return limitToNames({ group, resource: plural, verbs: APPLIED, namespaces }, [metadata.name]);
});

/** What a person has to be allowed on the app cluster to do all that `bind` does there. */
export const BIND_RIGHTS: readonly Right[] = [
  ...ofKonnector,
  // To grant rights, one has to have them all, or these.
  { group: RBAC, resource: "clusterroles", verbs: ["escalate", "bind"] },
  { group: RBAC, resource: "roles", verbs: ["escalate", "bind", "list"] },
  { group: RBAC, resource: "rolebindings", verbs: ["list"] },
  { group: "", resource: "namespaces", verbs: ["get"] }, // those that claims list
  // The namespace is taken back only when nothing is in it.
  { group: "apps", resource: "deployments", verbs: ["list"], namespaces: [KLUTCH_NAMESPACE] },
  { group: "", resource: "secrets", verbs: ["list", ...APPLIED], namespaces: [KLUTCH_NAMESPACE] },
  {
    group: "apiextensions.k8s.io",
    resource: "customresourcedefinitions",
    verbs: ["get", "delete"],
    names: [resourceName(API_SERVICE_BINDINGS)],
  },
  { group: GROUP, resource: API_SERVICE_BINDINGS.plural, verbs: ["list"] },
  { group: GROUP, resource: API_SERVICE_BINDINGS.plural, verbs: ["watch", ...APPLIED], namespaces: [KLUTCH_NAMESPACE] },
];
