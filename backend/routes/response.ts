import type { Context } from "hono";
import { decode } from "../../crds/check.ts";
import { CodeRedemption } from "../../crds/code_redemption.ts";
import type { AppDeps, AppEnv } from "../app.ts";
import { bindingResponse } from "../binding_documents.ts";
import { handOver } from "../hand_over.ts";
import { answerOf, bodyOf, type Operation, problems } from "../openapi.ts";
import { readForm, readValid } from "../query.ts";
import { Refusal } from "../refusal.ts";

/** What this address takes and answers. */
export const responseOperation: Operation = {
  operationId: "redeemCode",
  summary: "Fetch what a person chose in the browser",
  description: "Works once, within five minutes.",
  security: [],
  requestBody: bodyOf("CodeRedemption", "application/x-www-form-urlencoded", {
    code: "eyJhbGciOiJkaXIi...",
    code_verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
  }),
  responses: {
    200: answerOf("BindingResponse", "The credential, unless it is a dry run, and what to ask for with it."),
    ...problems(400, 403, 404, 408, 413, 415, 429),
  },
};

/**
 * Provides the person's app cluster with what it needs on the provider, and hands the credential to the command line that
 * began the login, against the code it got by the browser; once.
 */
export const responseRoute = (deps: AppDeps) => async (c: Context<AppEnv>) => {
  const { codes, catalogue } = deps;
  const form = await readForm(c, ...Object.keys(CodeRedemption.properties));
  const { code, code_verifier: verifier, dry_run: dryRun } = readValid(() => decode(CodeRedemption, form));
  const choice = await codes.open(code, verifier);
  if (!choice) {
    const message = "It is not ours, older than five minutes, or of another command line. Start again there.";
    throw new Refusal(400, "This code is not valid", message);
  }
  const offers = choice.apis.map((name) => catalogue.get(name, choice));
  if (dryRun === "true") return c.json(bindingResponse(choice, offers));
  return c.json(await handOver(c, deps, { who: choice, offers, by: "code", code: choice }));
};
