const STYLE = `
  body { font: 1.05rem/1.5 system-ui, sans-serif; margin: 20vh auto 0; max-width: 34rem; padding: 0 1.5rem;
    color: #1b1f24; background: #fff; }
  h1 { font-size: 1.5rem; line-height: 1.25; }
  @media (prefers-color-scheme: dark) { body { color: #e6edf3; background: #0d1117; } }`;

/** Takes the answer, which holds credentials, out of the address bar and the browser's history. */
const SCRIPT = `history.replaceState(null, "", location.pathname)`;

/** The page a browser shows at the end of the login: self-contained, and never kept. */
export function answerPage(status: number, title: string, text: string): Response {
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
