import assert from "node:assert/strict";
import { Stencil } from "./stencil.tsx";

const MARKS = { user: crypto.randomUUID(), token: crypto.randomUUID() };
const fill = (html: string, words: Record<keyof typeof MARKS, string>) =>
  new TextDecoder().decode(new Stencil(html, MARKS).fill(words));

Deno.test("Stencil fills a page in as often as its marks are there, and the next page anew", () => {
  const stencil = new Stencil(`${MARKS.token} – ${MARKS.user}: ${MARKS.token}${MARKS.token}!`, MARKS);
  const fill = (user: string, token: string) => new TextDecoder().decode(stencil.fill({ user, token }));
  assert.equal(fill("Zoë", "t1"), "t1 – Zoë: t1t1!");
  assert.equal(fill("bob", ""), " – bob: !");
});

Deno.test("Stencil leaves a page without marks as it is", () => {
  assert.equal(fill("<p>–</p>", { user: "alice", token: "t" }), "<p>–</p>");
});

Deno.test("Stencil lets no word out of the text or the attribute that it is in", () => {
  const page = fill(`<a title="${MARKS.user}">${MARKS.user}</a>`, { user: `"><script>'&`, token: "" });
  assert.equal(page, `<a title="&quot;&gt;&lt;script&gt;&#39;&amp;">&quot;&gt;&lt;script&gt;&#39;&amp;</a>`);
});

Deno.test("Stencil takes a word that looks like a mark for a word", () => {
  assert.equal(fill(`${MARKS.user} ${MARKS.token}`, { user: MARKS.token, token: "t" }), `${MARKS.token} t`);
});
