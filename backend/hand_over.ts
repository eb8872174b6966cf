import type { Context } from "hono";
import type { BindingResponse } from "../crds/binding_response.ts";
import type { Choice } from "../oidc/one_time_code.ts";
import type { AppDeps, AppEnv } from "./app.ts";
import { requestAudit } from "./audit_request.ts";
import { bindingResponse } from "./binding_documents.ts";
import type { Offer } from "./catalogue.ts";
import { identityText } from "./identity.ts";
import type { TakenCode } from "./redeemed_codes.ts";
import { Refusal } from "./refusal.ts";

/** Who is to get a credential, for what, and by which way it was asked for. */
export interface HandOver {
  who: Omit<Choice, "apis">;
  offers: readonly Offer[];
  by: "browser" | "code" | "token";
  /** One that is used up by this. */
  code?: Omit<TakenCode, "namespace">;
}

/**
 * Provides an app cluster with what it needs on the provider, and records to whom the credential goes. There is no other
 * way to one, so that this is where it is limited how often somebody may have it.
 *
 * @throws {Refusal}
 */
export async function handOver(
  c: Context<AppEnv>,
  deps: AppDeps,
  { who, offers, by, code }: HandOver,
): Promise<BindingResponse> {
  const { bindLimit, ensureTenant, takeCode, now, signal } = deps;
  bindLimit.admit(who.subject, now());
  const { namespace, kubeconfig, credentialId } = await ensureTenant(who, signal);
  if (code && !await takeCode({ ...code, namespace }, signal)) {
    const message = "Each code can be used once. If it was not you, tell whoever runs this provider.";
    throw new Refusal(400, "This code has been used already", message);
  }
  const apis = offers.map(({ api: { name } }) => name);
  requestAudit(c, deps)("credential handed over", {
    namespace,
    identity: identityText(who),
    id: credentialId,
    apis,
    by,
  });
  return bindingResponse(who, offers, kubeconfig);
}
