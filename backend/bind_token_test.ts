import { equal, notEqual } from "node:assert/strict";
import { parseCookieKeys } from "../oidc/cookie_keys.ts";
import { BindTokens } from "./bind_token.ts";

const tokens = (letter: string) => new BindTokens(parseCookieKeys({ signingKey: btoa(letter.repeat(32)) }));

Deno.test("BindTokens takes a token for the session it was issued for, on every replica", async () => {
  const token = await tokens("a").issue("session one");
  equal(await tokens("a").isValid(token, "session one"), true);
  equal(await tokens("a").isValid(token, "session two"), false);
  equal(await tokens("b").isValid(token, "session one"), false);
  notEqual(await tokens("a").issue("session two"), token);
});

Deno.test("BindTokens refuses garbage without throwing", async () => {
  for (const token of ["", "x", "é".repeat(43), "A".repeat(43), "A".repeat(5000), "==="]) {
    equal(await tokens("a").isValid(token, "session"), false);
  }
});
