/** Part of every page; its hash is what the content security policy allows. */
export const STYLE = `
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { margin: 0 auto; padding: 2rem 1rem; max-width: 26rem; }
.warning { border: 2px solid #b45309; border-radius: 6px; padding: .75rem 1rem; }
label { display: block; font-weight: 600; margin-top: 1.5rem; }
input[type=text], button { font: inherit; box-sizing: border-box; width: 100%; padding: .6rem .75rem; border-radius: 6px; }
input[type=text] { border: 1px solid #767676; }
button { margin-top: 1rem; border: 1px solid #1d4ed8; background: #1d4ed8; color: #fff; cursor: pointer; }
button.plain { background: none; color: inherit; border-color: #767676; }
:focus-visible { outline: 3px solid #f59e0b; outline-offset: 2px; }
.hint { margin: .25rem 0 0; font-size: .9rem; }
.error { margin: .5rem 0 0; font-weight: 600; }
code { font-size: 1.25rem; letter-spacing: .1em; }
`;

const WARNING = `<p class="warning" role="note"><strong>For development only.</strong>
  Anybody who can open this page may log in under any name, without a password.</p>`;

/** Asks who is there. `error` is about the name typed before, which is shown again. */
export function loginPage({ client, login = "", error }: { client: string; login?: string; error?: string }): string {
  const invalid = error
    ? ` aria-invalid="true" aria-describedby="login-error login-hint"`
    : ` aria-describedby="login-hint"`;
  return page(
    "Log in",
    `${WARNING}
    <p><strong>${escapeHtml(client)}</strong> wants to know who you are.</p>
    <form method="post">
      <label for="login">User name</label>
      <input type="text" id="login" name="login" value="${escapeHtml(login)}" required maxlength="64"
        autocomplete="username" autocapitalize="none" spellcheck="false" autofocus${invalid}>
      <p class="hint" id="login-hint">Any name will do, for example <em>alice</em>.</p>
      ${error ? `<p class="error" id="login-error" role="alert">${escapeHtml(error)}</p>` : ""}
      <button type="submit">Log in</button>
      <button type="submit" class="plain" name="cancel" value="yes" formnovalidate>Cancel</button>
    </form>`,
  );
}

/** The device flow: which code does the device show? `form` comes from the library. */
export function deviceCodePage({ form, error }: { form: string; error?: string }): string {
  return page(
    "Connect a device",
    `${WARNING}
    ${error ? `<p class="error" role="alert">${escapeHtml(error)}</p>` : ""}
    <p>Enter the code that your device shows.</p>
    ${form.replace('name="user_code"', 'name="user_code" aria-label="Code of the device"')}
    <button type="submit" form="op.deviceInputForm">Continue</button>`,
  );
}

/** The device flow: is this the code that the device shows? */
export function deviceConfirmPage({ form, client, code }: { form: string; client: string; code: string }): string {
  return page(
    "Connect a device",
    `${WARNING}
    <p>Does the device that runs <strong>${escapeHtml(client)}</strong> show this code?</p>
    <p><code>${escapeHtml(code)}</code></p>
    ${form}
    <button type="submit" form="op.deviceConfirmForm">Yes, connect it</button>
    <button type="submit" class="plain" form="op.deviceConfirmForm" name="abort" value="yes">No</button>`,
  );
}

/** Asks before logging out. */
export function logoutPage({ form }: { form: string }): string {
  return page(
    "Log out",
    `${form}
    <p>Log out of the development issuer?</p>
    <button type="submit" form="op.logoutForm" name="logout" value="yes">Log out</button>
    <button type="submit" class="plain" form="op.logoutForm">Stay logged in</button>`,
  );
}

/** Says one thing, e.g. that something is done, or what went wrong. */
export function messagePage(title: string, text: string): string {
  return page(title, `<p>${escapeHtml(text)}</p>`);
}

const page = (title: string, body: string) =>
  `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)} – Klutch development issuer</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
${body}
</main>
</body>
</html>
`;

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

const escapeHtml = (text: string) => text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
