import type { IncomingMessage, ServerResponse } from "node:http";
import { loginPage, messagePage, STYLE } from "./embedded_pages.ts";
import type { Interaction, Provider } from "./embedded_provider.ts";
import type { EmbeddedIssuerOptions } from "./embedded_issuer.ts";

/** All that oidc-provider does, and the page it leaves to us: who is there? */
export async function createHandler(
  issuerUrl: string,
  provider: Provider,
  { redirectUris, log }: EmbeddedIssuerOptions,
) {
  const { host } = new URL(issuerUrl);
  const library = provider.callback();
  const headers = await securityHeaders(redirectUris);
  return async (request: IncomingMessage, response: ServerResponse) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    // A name that somebody else's DNS points to 127.0.0.1 would let that one's pages talk to us.
    if (request.headers.host !== host) return send(response, 421, messagePage("Wrong address", `Open ${issuerUrl}`));
    const { pathname = "" } = URL.parse(request.url ?? "", issuerUrl) ?? {};
    if (!pathname.startsWith("/interaction/")) return library(request, response);
    try {
      await interact(request, response, { issuerUrl, provider });
    } catch (error) {
      log?.warn("embedded OIDC issuer cannot go on with a login", {
        error: error instanceof Error ? error.message : String(error),
      });
      if (response.headersSent) return void response.destroy();
      const text =
        "This login is over or was begun in another browser. Go back to where you came from and start again.";
      send(response, 400, messagePage("Cannot log in", text));
    }
  };
}

interface InteractionDeps {
  issuerUrl: string;
  provider: Provider;
}

async function interact(request: IncomingMessage, response: ServerResponse, deps: InteractionDeps): Promise<void> {
  const { issuerUrl, provider } = deps;
  const interaction = await provider.interactionDetails(request, response);
  if (interaction.prompt.name === "consent") {
    const consent = { grantId: await grantAll(provider, interaction) };
    return await provider.interactionFinished(request, response, { consent }, { mergeWithLastSubmission: true });
  }
  const finish = (result: Record<string, unknown>) =>
    provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  const client = interaction.params.client_id;
  if (request.method !== "POST") {
    return send(response, 200, loginPage({ client, login: interaction.params.login_hint }));
  }
  const origin = request.headers.origin;
  if (origin !== undefined && origin !== issuerUrl) {
    return send(response, 403, messagePage("Cannot log in", "The form was sent from another page."));
  }
  const form = new URLSearchParams(await readText(request));
  if (form.has("cancel")) {
    return await finish({ error: "access_denied", error_description: "The user cancelled the login" });
  }
  const login = form.get("login")?.trim() ?? "";
  if (!/^[a-z0-9][a-z0-9._@+-]{0,63}$/i.test(login)) {
    const error =
      "A user name has letters, digits and . _ @ + -, begins with a letter or digit, and has at most 64 characters.";
    return send(response, 400, loginPage({ client, login: login.slice(0, 64), error }));
  }
  await finish({ login: { accountId: login } });
}

/** There is one client, and it is ours: what it asks for is granted. */
async function grantAll(provider: Provider, { grantId, session, params, prompt }: Interaction): Promise<string> {
  const grant = (grantId && await provider.Grant.find(grantId)) ||
    new provider.Grant({ accountId: session!.accountId, clientId: params.client_id });
  const { missingOIDCScope, missingOIDCClaims } = prompt.details;
  if (missingOIDCScope) grant.addOIDCScope(missingOIDCScope.join(" "));
  if (missingOIDCClaims) grant.addOIDCClaims(missingOIDCClaims);
  return await grant.save();
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of request) {
    sizeBytes += chunk.length;
    if (sizeBytes > 16_384) throw new RangeError("the form is too large");
    chunks.push(chunk);
  }
  return await new Blob(chunks as Uint8Array<ArrayBuffer>[]).text();
}

function send(response: ServerResponse, status: number, html: string): void {
  response.writeHead(status, { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" });
  response.end(html);
}

async function securityHeaders(redirectUris: string[]): Promise<Record<string, string>> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(STYLE));
  // Browsers apply form-action to the redirects after a form as well: they lead to the client.
  const targets = [...new Set(redirectUris.map((uri) => new URL(uri).origin))].join(" ");
  return {
    // The library adds the hashes of its scripts, which submit a form, to script-src.
    "content-security-policy": `default-src 'none'; script-src 'self'; ` +
      `style-src 'sha256-${new Uint8Array(digest).toBase64()}'; form-action 'self' ${targets}; ` +
      "base-uri 'none'; frame-ancestors 'none'",
    // Not `no-referrer`: with that, browsers send `Origin: null` with our own form.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
  };
}
