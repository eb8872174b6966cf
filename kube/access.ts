import type { KubeClient } from "./client.ts";

/** What somebody may want to do, in the words of RBAC. */
export interface Access {
  verb: string;
  group: string;
  /** `mangodbs`, or `mangodbs/status`. */
  resource: string;
  /** All namespaces when absent. */
  namespace?: string;
  name?: string;
}

export interface Verdict {
  isAllowed: boolean;
  /** Why not, where the API server says so. */
  reason?: string;
}

/**
 * Asks the API server whether somebody may do something.
 *
 * @param user `system:serviceaccount:<namespace>:<name>`; whoever the client is, when absent
 */
export async function reviewAccess(
  client: KubeClient,
  { verb, group, resource: path, namespace, name }: Access,
  { user }: { user?: string },
  signal: AbortSignal,
): Promise<Verdict> {
  const [resource, subresource] = path.split("/");
  const resourceAttributes = { verb, group, resource, subresource, namespace, name };
  const kind = user === undefined ? "SelfSubjectAccessReview" : "SubjectAccessReview";
  const answer = await client.request<{ status?: { allowed?: boolean; reason?: string; evaluationError?: string } }>(
    "POST",
    `/apis/authorization.k8s.io/v1/${kind.toLowerCase()}s`,
    {
      body: { apiVersion: "authorization.k8s.io/v1", kind, spec: { resourceAttributes, ...(user && groupsOf(user)) } },
      action: `ask for the right to ${verb} ${group ? `${path}.${group}` : path}`,
    },
    signal,
  );
  const { allowed = false, reason, evaluationError } = answer.status ?? {};
  return { isAllowed: allowed, reason: reason || evaluationError || undefined };
}

/** A service account is also in groups that may have rights; the review takes only what it is told. */
function groupsOf(user: string) {
  const [, , namespace] = user.split(":");
  return { user, groups: ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"] };
}
