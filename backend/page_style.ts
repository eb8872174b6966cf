/** Style sheet of all pages; nothing is loaded from elsewhere. Colours keep a contrast of 4.5:1 and more in both modes. */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --ink: light-dark(#1b2430, #e6eaf0);
  --quiet: light-dark(#55606e, #a3adba);
  --ground: light-dark(#f4f6f9, #12161c);
  --card: light-dark(#ffffff, #1b2129);
  --line: light-dark(#d9dfe7, #303945);
  --accent: light-dark(#1457c2, #7fb0ff);
  --on-accent: light-dark(#ffffff, #0c1a30);
}
*, ::before, ::after { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  display: flex; flex-direction: column; min-height: 100vh;
}
header, main, footer { width: 100%; max-width: 68rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 1.5rem; }
header p { margin: 0; font-weight: 650; letter-spacing: .01em; }
header p span { color: var(--quiet); font-weight: 400; }
main { flex: 1; padding-bottom: 3rem; }
h1 { font-size: 1.75rem; line-height: 1.25; margin: 1.5rem 0 .25rem; text-wrap: balance; }
.lead { color: var(--quiet); margin: 0 0 1.75rem; max-width: 44rem; }
.lead strong { color: var(--ink); font-weight: 600; }
.cards { list-style: none; margin: 0; padding: 0; display: grid; gap: 1.25rem;
  grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1.25rem;
  display: flex; flex-direction: column; gap: .9rem; }
.card h2 { font-size: 1.15rem; margin: 0; overflow-wrap: anywhere; }
.card p { margin: 0; }
.card .about { color: var(--quiet); display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 4; overflow: hidden; }
dl { display: grid; grid-template-columns: auto 1fr; gap: .15rem .9rem; margin: 0; font-size: .925rem; }
dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; }
h3 { font-size: .925rem; margin: 0 0 .25rem; }
.claims { border-top: 1px solid var(--line); padding-top: .9rem; font-size: .925rem; flex: 1; }
.claims ul { margin: 0; padding-left: 1.1rem; }
.claims li + li { margin-top: .35rem; }
.claims ul + p { margin-top: .6rem; }
.claims small { display: block; color: var(--quiet); font-size: .86rem; }
.btn { display: block; text-align: center; background: var(--accent); color: var(--on-accent); text-decoration: none;
  font-weight: 600; padding: .65rem 1rem; border-radius: .5rem; border: 2px solid transparent; }
.btn:hover { filter: brightness(1.1); }
.btn:focus-visible, a:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.message { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1.5rem; max-width: 44rem;
  margin-top: 2.5rem; }
.message h1 { margin-top: 0; }
.message p { margin: .5rem 0 0; overflow-wrap: anywhere; }
.quiet, footer { color: var(--quiet); font-size: .86rem; }
footer { padding-top: 1rem; padding-bottom: 1.5rem; }
code { font: .92em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; background: var(--ground);
  border: 1px solid var(--line); border-radius: .3rem; padding: .05em .35em; overflow-wrap: anywhere; }
@media (prefers-reduced-motion: no-preference) { .btn { transition: filter .15s; } }
`;
