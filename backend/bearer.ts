import type { Context } from "hono";
import { OidcError } from "../oidc/errors.ts";
import type { AppDeps } from "./app.ts";
import { Refusal } from "./refusal.ts";
import type { TokenBearer } from "./token_login.ts";

/** In characters; what is longer is none of ours. */
export const LONGEST_TOKEN = 16_384;

/** Who shows the token in the header `Authorization`. @throws {Refusal} when it is none of ours */
export async function bearerOf(c: Context, { tokenLogin }: Pick<AppDeps, "tokenLogin">): Promise<TokenBearer> {
  const [, token] = /^Bearer +(\S+)$/i.exec(c.req.header("authorization") ?? "") ?? [];
  if (!token || token.length > LONGEST_TOKEN) {
    c.header("www-authenticate", "Bearer");
    throw new Refusal(401, "Please show a token", "The header Authorization has to be `Bearer <token>`.");
  }
  try {
    return await tokenLogin.identify(token);
  } catch (error) {
    if (!(error instanceof OidcError) || error.code !== "id_token_invalid") throw error;
    c.header("www-authenticate", 'Bearer error="invalid_token"');
    throw new Refusal(401, "This token is not accepted", `${error.message}.`);
  }
}
