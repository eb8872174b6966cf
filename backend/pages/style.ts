/** Style sheet of all pages; nothing is loaded from elsewhere. Colours keep a contrast of 4.5:1 and more in both modes. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ink: light-dark(#17202b, #e7ebf0);
  --quiet: light-dark(#566170, #9aa5b3);
  --ground: light-dark(#f6f7f9, #11151a);
  --card: light-dark(#ffffff, #191e25);
  --line: light-dark(#e0e4ea, #2b333d);
  --field: light-dark(#848e9b, #66717f);
  --accent: light-dark(#1a56b8, #8db6ff);
  --on-accent: light-dark(#ffffff, #0b1730);
  --tint: light-dark(#edf3fd, #1c2839);
  --good: light-dark(#1a7045, #63c894);
  --bad: light-dark(#b3321f, #ff9d8c);
  --wait: light-dark(#83580b, #e2b65c);
  --mono: ui-monospace, SFMono-Regular, "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
*, ::before, ::after { box-sizing: border-box; }
html { scroll-padding-bottom: 6rem; }
body {
  margin: 0; min-height: 100vh; background: var(--ground); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif;
  display: flex; flex-direction: column;
}
header, main, footer { width: 100%; max-width: 62rem; margin: 0 auto; padding: 0 1.5rem; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .35rem 1.75rem; padding-top: 1.5rem; }
header p { margin: 0; }
header .brand { font-weight: 650; letter-spacing: -.005em; }
header nav { display: flex; gap: 1.25rem; flex: 1; }
header nav a, header .me a { color: var(--quiet); text-decoration: none; padding: .15rem 0; }
header nav a:hover, header .me a:hover { color: var(--ink); text-decoration: underline; text-underline-offset: .3em; }
header nav a[aria-current] { color: var(--ink); box-shadow: 0 2px 0 var(--accent); }
header .me { color: var(--quiet); font-size: .9rem; overflow-wrap: anywhere; }
header .me a { margin-left: .75rem; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; top: .5rem; background: var(--card); padding: .5rem 1rem; border-radius: .4rem; z-index: 2; }
main { flex: 1; padding-bottom: 4rem; }
h1 { font-size: 1.85rem; font-weight: 650; letter-spacing: -.018em; line-height: 1.2; margin: 2.75rem 0 .5rem; text-wrap: balance;
  overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; font-weight: 650; letter-spacing: -.005em; margin: 2.5rem 0 .75rem; }
h3 { font-size: 1rem; font-weight: 650; margin: 0; }
p { margin: 0; }
a { color: var(--accent); text-underline-offset: .2em; text-decoration-thickness: 1px; }
.lead { color: var(--quiet); max-width: 42rem; text-wrap: pretty; }
.lead + section { margin-top: 2rem; }
.lead strong { color: var(--ink); font-weight: 600; }
.quiet { color: var(--quiet); font-size: .9rem; }
code { font: .9em var(--mono); overflow-wrap: anywhere; }
pre { font: .85rem/1.6 var(--mono); background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  padding: 1rem 1.25rem; margin: .75rem 0 0; overflow-x: auto; tab-size: 2; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: .25rem; }

.search { display: flex; gap: .75rem; align-items: center; margin: 2rem 0 1rem; }
.search input { flex: 1; font: inherit; color: inherit; background: var(--card); border: 1px solid var(--field);
  border-radius: .6rem; padding: .6rem .9rem; min-width: 0; }
.search output { white-space: nowrap; }

.offers { list-style: none; margin: 0; padding: 0; background: var(--card); border: 1px solid var(--line); border-radius: .9rem; }
.offers > li { display: grid; grid-template-columns: auto auto minmax(0, 1fr) auto; column-gap: 1rem; align-items: start;
  padding: 1.25rem 1.25rem; }
.offers > li + li { border-top: 1px solid var(--line); }
.offers > li:has(:checked) { background: var(--tint); }
.offers > li:first-child { border-radius: .85rem .85rem 0 0; }
.offers > li:last-child { border-radius: 0 0 .85rem .85rem; }
.offers > li:only-child { border-radius: .85rem; }
.offers input { width: 1.15rem; height: 1.15rem; margin: .7rem 0 0; accent-color: var(--accent); }
.icon { width: 2.5rem; height: 2.5rem; border-radius: .6rem; display: grid; place-items: center; background: var(--tint);
  color: var(--accent); font-weight: 650; font-size: 1.1rem; text-transform: uppercase; object-fit: contain; }
img.icon { background: none; border-radius: 0; }
.offers h2 { margin: 0; font-size: 1.05rem; overflow-wrap: anywhere; }
.offers h2 a { color: inherit; text-decoration: none; }
.offers h2 a:hover { text-decoration: underline; }
.meta { color: var(--quiet); font-size: .875rem; overflow-wrap: anywhere; }
.about { margin-top: .4rem; max-width: 38rem; text-wrap: pretty; display: -webkit-box; -webkit-box-orient: vertical;
  -webkit-line-clamp: 3; overflow: hidden; }
.touches { margin-top: .4rem; font-size: .9rem; color: var(--quiet); max-width: 38rem; text-wrap: pretty; }

.btn { font: inherit; font-weight: 600; display: inline-block; text-align: center; text-decoration: none; cursor: pointer;
  padding: .5rem 1.15rem; border-radius: .55rem; border: 1px solid var(--line); background: var(--card); color: var(--accent); }
.btn:hover { border-color: var(--accent); }
.btn-primary { background: var(--accent); color: var(--on-accent); border-color: transparent; }
.btn-primary:hover { filter: brightness(1.08); }
.btn[disabled] { opacity: .55; cursor: default; filter: none; }
.bar { position: sticky; bottom: 0; margin-top: 1.5rem; padding: .9rem 1.25rem; display: flex; align-items: center; gap: 1.25rem;
  justify-content: space-between; background: var(--card); border: 1px solid var(--line); border-radius: .9rem;
  box-shadow: 0 -6px 24px rgb(0 0 0 / .06); }

.head { display: flex; gap: 1.25rem; align-items: center; margin-top: 2.75rem; }
.head h1 { margin: 0; }
.head .icon { width: 3.5rem; height: 3.5rem; font-size: 1.5rem; flex: none; }
.head > div { flex: 1; min-width: 0; }
.prose { max-width: 42rem; margin-top: 1.25rem; white-space: pre-line; text-wrap: pretty; }
.panel { background: var(--card); border: 1px solid var(--line); border-radius: .9rem; padding: 1.25rem 1.5rem; }
.panel + .panel { margin-top: 1rem; }
.panel > ul { margin: 0; padding-left: 1.1rem; }
.panel > ul:not(.fields) > li + li { margin-top: .75rem; }
.panel small { display: block; color: var(--quiet); font-size: .9rem; }
.panel > ul + p { margin-top: 1rem; }
.fields { list-style: none; margin: 0; padding: 0; }
.fields .fields { margin: .6rem 0 0 .3rem; padding-left: 1.2rem; border-left: 1px solid var(--line); }
.fields > li { padding: .6rem 0; }
.panel > .fields { margin: -.35rem 0; }
.panel > .fields > li + li { border-top: 1px solid var(--line); }
.fields code { font-weight: 600; }
.fields .type { color: var(--quiet); font-size: .875rem; margin-left: .5rem; }
.fields .must { color: var(--accent); font-size: .8rem; font-weight: 600; margin-left: .5rem; }
.fields p { color: var(--quiet); font-size: .925rem; max-width: 42rem; }
summary { cursor: pointer; list-style-position: outside; }
.head .btn { flex: none; }

.cluster > header { all: unset; display: flex; flex-wrap: wrap; align-items: baseline; gap: .25rem 1rem; }
.cluster > header h2 { margin: 0; }
.state { font-size: .9rem; font-weight: 550; }
.state::before { content: ""; display: inline-block; width: .55rem; height: .55rem; border-radius: 50%; margin-right: .45rem;
  background: currentColor; }
.good { color: var(--good); } .bad { color: var(--bad); } .wait { color: var(--wait); }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .3rem 1.5rem; margin: 1rem 0 0; font-size: .95rem; }
dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; }
dd ul { list-style: none; margin: 0; padding: 0; }
.message { max-width: 40rem; margin-top: 3rem; }
.message h1 { margin-top: 0; }
.message p + p, .message h1 + p { margin-top: .75rem; }
.message p { overflow-wrap: anywhere; }
footer { padding-top: 1rem; padding-bottom: 1.75rem; color: var(--quiet); font-size: .875rem; }
[hidden] { display: none !important; }
@media (max-width: 40rem) {
  header, main, footer { padding-left: 1rem; padding-right: 1rem; }
  .offers > li { grid-template-columns: auto minmax(0, 1fr); padding: 1rem; }
  .offers .icon { display: none; }
  .offers .btn { grid-column: 2; justify-self: start; margin-top: .75rem; }
  .head { flex-wrap: wrap; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .5rem; }
}
@media (prefers-reduced-motion: no-preference) { .btn { transition: filter .15s, border-color .15s; } }
`;
