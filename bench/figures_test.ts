import assert from "node:assert/strict";
import { type Figure, type FigureId, formatFigure } from "./figures.ts";

const cases: [id: FigureId, figure: Figure, want: string][] = [
  ["burst.rate", { value: 312.4 }, "312 /s"],
  ["burst.rate", { value: 5.4321 }, "5.43 /s"],
  ["latency.upP50", { value: 12.345 }, "12.3 ms"],
  ["restart.writes", { value: 0 }, "0"],
  ["pairs.editSeconds", { value: 60, beyond: true }, "> 60 s"],
  ["burst.rate", { value: 5, beyond: true }, "< 5 /s"],
  ["pairs.peakMiB", { value: 99.96 }, "100.0 MiB"],
];
for (const [id, figure, want] of cases) {
  Deno.test(`formatFigure() shows ${want}`, () => assert.equal(formatFigure(id, figure), want));
}
