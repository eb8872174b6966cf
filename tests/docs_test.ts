import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PAGES = [
  "README.md",
  "docs/architecture.md",
  "docs/backend.md",
  "docs/konnector.md",
  "docs/bind.md",
  "docs/plugin.md",
  "docs/schema.md",
];

for (const page of PAGES) {
  Deno.test(`all files that ${page} links to are there`, async () => {
    const text = await Deno.readTextFile(join(ROOT, page));
    const targets = Array.from(text.matchAll(/\]\((?!https?:)([^)#]+)\)/g), ([, target]) => target!);
    const base = new URL(page, `file://${ROOT}/`);
    const found = await Promise.all(
      targets.map((target) => Deno.stat(new URL(target, base)).then(() => true, () => false)),
    );
    assert.deepEqual(targets.filter((_, index) => !found[index]), []);
  });
}

Deno.test("the reference pages name every reason of the kinds that a program of theirs writes", async () => {
  const source = await Deno.readTextFile(join(ROOT, "crds/reasons.ts"));
  const binding = /APIServiceBinding: \{([\s\S]*?)\n {2}\},\n/.exec(source)?.[1] ?? "";
  const reasons = Array.from(binding.matchAll(/^ {6}(\w+): (?:error|warning|info)\(/gm), ([, reason]) => reason!);
  assert.ok(reasons.length > 10, `${reasons.length} reasons found`);
  const page = await Deno.readTextFile(join(ROOT, "docs/konnector.md"));
  assert.deepEqual(reasons.filter((reason) => !page.includes(`\`${reason}\``)), []);
});
