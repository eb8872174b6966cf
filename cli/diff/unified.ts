import { createTwoFilesPatch, OMIT_HEADERS } from "diff";

const OPTIONS = {
  context: 3,
  headerOptions: OMIT_HEADERS,
  /** Texts that differ in more lines are shown one after the other: finding the least difference would take too long. */
  maxEditLength: 1_000,
};

/** The hunks of a unified diff of two texts, `""` when they are equal. */
export const unifiedHunks = (before: string, after: string): string =>
  before === after
    ? ""
    : createTwoFilesPatch("", "", before, after, "", "", OPTIONS) ?? oneAfterTheOther(before, after);

function oneAfterTheOther(before: string, after: string): string {
  const marked = (text: string, mark: string) => text.split("\n").slice(0, -1).map((line) => `${mark}${line}\n`);
  const [removed, added] = [marked(before, "-"), marked(after, "+")];
  return `@@ -1,${removed.length} +1,${added.length} @@\n${[...removed, ...added].join("")}`;
}
