import assert from "node:assert/strict";
import { readHtml } from "./html.ts";

const page = new URL("http://a.test/dir/page?q=1");
const only = (html: string) => {
  const { forms } = readHtml(html, page);
  assert.equal(forms.length, 1);
  return forms[0]!;
};
const fieldsOf = (html: string) =>
  only(html).fields.map(({ name, value, isSent }) => `${name}=${value}${isSent ? "" : "?"}`);

Deno.test("a form sends to the page itself with GET unless it says otherwise", () => {
  const { action, method } = only("<form></form>");
  assert.deepEqual([action.href, method], [page.href, "GET"]);
  const other = only("<FORM METHOD='post' ACTION='../x?a=1&amp;b=2'></FORM>");
  assert.deepEqual([other.action.href, other.method], ["http://a.test/x?a=1&b=2", "POST"]);
});

Deno.test("a form has the fields that a browser would send", () => {
  const html = `<form>
    <input name=plain value=bare><input type="hidden" name="h" value="&lt;&#39;&#x1D11E;&quot;&gt;">
    <input name="empty"><input value="nameless"><input name="off" value="1" disabled>
    <input type="checkbox" name="box" checked><input type="checkbox" name="box2" value="yes">
    <input type="radio" name="r" value="1"><input type="radio" name="r" value="2" checked>
    <textarea name="t">
a &amp; b</textarea>
    <select name="s"><option value="1">one</option><option selected>two</option></select>
    <input type="button" name="no" value="x"><input type="reset" name="no" value="x">
  </form>`;
  assert.deepEqual(fieldsOf(html), [
    "plain=bare",
    `h=<'𝄞">`,
    "empty=",
    "box=on",
    "box2=yes?",
    "r=1?",
    "r=2",
    "t=a & b",
    "s=two",
  ]);
});

Deno.test("controls outside a form belong to the one whose id they name", () => {
  const html = `<button form="f" name="early" value="1">x</button><input name="stray">
    <form id="f"><input name="in"></form><input form="f" name="out"><button form="other">y</button>`;
  assert.deepEqual(fieldsOf(html), ["in=", "out="]);
  assert.deepEqual(only(html).buttons, [{ name: "early", value: "1" }]);
});

Deno.test("buttons are those that submit", () => {
  const html = `<form><button type="button" name="b">x</button><button name="first">y</button>
    <input type="submit" name="second" value="2"><button type="submit" name="off" disabled>z</button></form>`;
  assert.deepEqual(only(html).buttons, [{ name: "first", value: "" }, { name: "second", value: "2" }]);
});

Deno.test("links have absolute addresses, classes and the text that people read", () => {
  const { links } = readHtml(
    `<a class="btn  postgresqlinstances" href="/bind?s=1&amp;group=x"><b>Bind</b>
     it</a><a name="anchor">no</a><a href="http://[">broken</a><!-- <a href="/hidden">x</a> -->
     <script>document.write('<a href="/script">x</a>')</script>`,
    page,
  );
  assert.deepEqual(links.map(({ href, classes, text }) => [href.href, classes, text]), [
    ["http://a.test/bind?s=1&group=x", ["btn", "postgresqlinstances"], "Bind it"],
  ]);
});

Deno.test("title and text are what a person reads", () => {
  const html = `<!DOCTYPE html><html><head><title> A &amp; B </title><style>p{}</style></head>
    <body><h1>Hello</h1><script>x</script><p>you &lt;there&gt;</p></body></html>`;
  const { title, text } = readHtml(html, page);
  assert.deepEqual([title, text], ["A & B", "Hello you <there>"]);
});
