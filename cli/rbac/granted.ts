import { KLUTCH_NAMESPACE } from "../../crds/names.ts";
import type { KubeClient } from "../../kube/client.ts";
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  type PolicyRule,
  type Role,
  ROLE_BINDINGS,
  type RoleBinding,
  ROLES,
  type RoleSubject,
} from "../../kube/resources.ts";
import { formatKey } from "../../kube/types.ts";
import type { Grant } from "./compare.ts";

/** On what every API server grants by itself. */
const DEFAULTS_LABEL = "kubernetes.io/bootstrapping";

/** All that is granted to a ServiceAccount of our namespace, by name or as one of all ServiceAccounts. */
export async function grantedTo(appCluster: KubeClient, account: string, signal: AbortSignal): Promise<Grant[]> {
  const [wide, narrow] = await Promise.all(
    [CLUSTER_ROLE_BINDINGS, ROLE_BINDINGS].map((one) => appCluster.api<RoleBinding>(one).list({}, signal)),
  );
  const bindings = [...wide!.items, ...narrow!.items].filter(({ metadata, subjects = [] }) =>
    metadata.labels?.[DEFAULTS_LABEL] === undefined && subjects.some((subject) => isAbout(subject, account))
  );
  return await Promise.all(bindings.map(async ({ metadata: { namespace }, roleRef }) => {
    const isWide = roleRef.kind === "ClusterRole";
    const key = { name: roleRef.name, ...(!isWide && { namespace }) };
    const role = await appCluster.api<Role>(isWide ? CLUSTER_ROLES : ROLES).find(key, signal);
    return { namespace, rules: role?.rules ?? [], by: `${roleRef.kind} ${formatKey(key)}` };
  }));
}

function isAbout({ kind, namespace, name }: RoleSubject, account: string): boolean {
  if (kind === "ServiceAccount") return namespace === KLUTCH_NAMESPACE && name === account;
  return kind === "Group" && ["system:serviceaccounts", `system:serviceaccounts:${KLUTCH_NAMESPACE}`].includes(name);
}

/** Groups of which everybody may ask what they may do. */
const OWN_REVIEWS = ["authorization.k8s.io", "authentication.k8s.io"];

/** What somebody may do, as far as an API server can list it. */
export interface ListedRights {
  rules: PolicyRule[];
  /** Why there may be more than these: not every authorizer can list what it allows. */
  gap?: string;
}

/**
 * What the holder of a kubeconfig may do in one namespace, as the API server answers it to them: rights that hold
 * everywhere are among these.
 */
export async function grantedToSelf(client: KubeClient, namespace: string, signal: AbortSignal): Promise<ListedRights> {
  const kind = "SelfSubjectRulesReview";
  const { status: { resourceRules = [], incomplete, evaluationError } } = await client.request<RulesReview>(
    "POST",
    "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
    {
      body: { apiVersion: "authorization.k8s.io/v1", kind, spec: { namespace } },
      action: `ask for all rights in namespace "${namespace}"`,
    },
    signal,
  );
  return {
    rules: resourceRules.filter(({ apiGroups = [] }) => !apiGroups.every((group) => OWN_REVIEWS.includes(group))),
    ...(incomplete && { gap: evaluationError || "the API server cannot list all rights" }),
  };
}

/** @see https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/self-subject-rules-review-v1/ */
interface RulesReview {
  status: { resourceRules?: PolicyRule[]; incomplete?: boolean; evaluationError?: string };
}
