import type { Context } from "hono";
import type { AppDeps, AppEnv } from "../app.ts";
import { bindingResponse } from "../binding_documents.ts";
import { readForm } from "../query.ts";
import { Refusal } from "../refusal.ts";

const TIMEOUT_MS = 60_000;

/**
 * Provides the person's app cluster with what it needs on the provider, and hands the credential to the command line that
 * began the login, against the code it got by the browser; once.
 */
export const responseRoute = (deps: AppDeps) => async (c: Context<AppEnv>) => {
  const { codes, catalogue, ensureTenant, takeCode } = deps;
  const form = await readForm(c, "code", "code_verifier", "dry_run");
  const { code = "", code_verifier: verifier = "", dry_run: dryRun } = form;
  const choice = await codes.open(code, verifier);
  if (!choice) {
    const message = "It is not ours, older than five minutes, or of another command line. Start again there.";
    throw new Refusal(400, "This code is not valid", message);
  }
  const signal = AbortSignal.any([deps.signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const offers = choice.apis.map((name) => catalogue.get(name, choice));
  if (dryRun === "true") return c.json(bindingResponse(choice, offers));
  const { namespace, kubeconfig } = await ensureTenant(choice, signal);
  if (!await takeCode({ ...choice, namespace }, signal)) {
    const message = "Each code can be used once. If it was not you, tell whoever runs this provider.";
    throw new Refusal(400, "This code has been used already", message);
  }
  c.get("log").info("credential handed over", { namespace, apis: choice.apis, by: "code" });
  return c.json(bindingResponse(choice, offers, kubeconfig));
};
