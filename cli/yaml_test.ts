import { deepEqual, equal } from "node:assert/strict";
import { parse } from "yaml";
import { toYaml } from "./yaml.ts";

Deno.test("toYaml() means the same to kubectl, which reads YAML 1.1", () => {
  const words = [
    "yes",
    "on",
    "No",
    "y",
    "1_000",
    "12:30:45",
    "2001-01-01",
    "0755",
    "0b10",
    "0o7",
    "1e3",
    "~",
    "",
    "<<",
  ];
  const manifest = { yes: words, on: Object.fromEntries(words.map((word) => [word, word])), size: 1000, isLarge: true };
  for (const version of ["1.1", "1.2"] as const) deepEqual(parse(toYaml(manifest), { version }), manifest);
});

Deno.test("toYaml() quotes nothing without need, and breaks no line", () => {
  const text = `image: registry.example/klutch:v0.1.0\nwhat: ${"words ".repeat(30)}end\n`;
  equal(toYaml(parse(text)), text);
});
