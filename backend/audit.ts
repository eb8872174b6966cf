import type { Log } from "../kube/log.ts";

export interface Grant {
  /** The cluster namespace: whose rights they are. */
  namespace: string;
  /** `<OIDC subject>#<cluster id>`, as far as known. */
  identity?: string;
  [detail: string]: unknown;
}

/** One line for each right or credential that an app cluster gets or loses; never the credential itself. */
export const audit = (log: Log, what: string, grant: Grant): void => log.info(what, { audit: true, ...grant });
