const STYLE = `
  body { font: 1.05rem/1.5 system-ui, sans-serif; margin: 20vh auto 0; max-width: 34rem; padding: 0 1.5rem;
    color: #17202b; background: #f6f7f9; }
  h1 { font-size: 1.6rem; line-height: 1.25; letter-spacing: -.015em; }
  a { color: #1a56b8; text-underline-offset: .2em; }
  @media (prefers-color-scheme: dark) { body { color: #e7ebf0; background: #11151a; } a { color: #8db6ff; } }`;

/** Takes the answer, which holds credentials, out of the address bar and the browser's history. */
const SCRIPT = `history.replaceState(null, "", location.pathname)`;

/** The page a browser shows at the end of the login: self-contained, and never kept. */
export function answerPage(status: number, title: string, text: string, next?: URL): Response {
  const nonce = crypto.randomUUID();
  const body = `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style nonce="${nonce}">${STYLE}
</style>
<script nonce="${nonce}">${SCRIPT}</script>
<main>
<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(text)}</p>
${next ? `<p>The provider shows <a href="${escapeHtml(next.href)}">what you have bound</a>.</p>` : ""}
</main>
</html>
`;
  return new Response(body, {
    status,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      "content-security-policy":
        `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; base-uri 'none'; frame-ancestors 'none'`,
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      connection: "close",
    },
  });
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escapeHtml = (text: string) => text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
