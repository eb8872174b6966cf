import { equal, rejects } from "node:assert/strict";
import { createTerminal, LineReader } from "./terminal.ts";

const never = new AbortController().signal;

function reader(...chunks: string[]): LineReader {
  return new LineReader(() => ReadableStream.from(chunks).pipeThrough(new TextEncoderStream()));
}

Deno.test("LineReader gives the lines of one chunk one by one", async () => {
  const lines = reader("y\nno\r\n", "la", "st");
  equal(await lines.next(never), "y");
  equal(await lines.next(never), "no");
  equal(await lines.next(never), "last");
  equal(await lines.next(never), undefined);
  equal(await lines.next(never), undefined);
});

Deno.test("LineReader keeps empty lines", async () => {
  const lines = reader("\n\nx\n");
  equal(await lines.next(never), "");
  equal(await lines.next(never), "");
  equal(await lines.next(never), "x");
});

Deno.test("LineReader takes a character apart by chunks for what it is", async () => {
  const bytes = new TextEncoder().encode("ä\n");
  const lines = new LineReader(() => ReadableStream.from([bytes.slice(0, 1), bytes.slice(1)]));
  equal(await lines.next(never), "ä");
});

Deno.test("LineReader stops waiting when its caller does, and loses nothing", async () => {
  let type!: (text: string) => void;
  const lines = new LineReader(() =>
    new ReadableStream<string>({ start: (controller) => void (type = (text) => controller.enqueue(text)) })
      .pipeThrough(new TextEncoderStream())
  );
  const impatient = new AbortController();
  const waiting = lines.next(impatient.signal);
  impatient.abort(new Error("enough"));
  await rejects(waiting, /enough/);
  await rejects(lines.next(impatient.signal), /enough/);
  const again = lines.next(never);
  type("late\n");
  equal(await again, "late");
});

Deno.test("LineReader gives all of its input at once on demand", async () => {
  const lines = reader("a\nb", "c\n");
  equal(await lines.next(never), "a");
  equal(await lines.rest(never), "bc\n");
  equal(await lines.next(never), undefined);
});

Deno.test("LineReader refuses a line that never ends", async () => {
  await rejects(reader("x".repeat(70_000), "y").next(never), /too long/);
});

Deno.test("createTerminal() leaves the input alone until something is asked", async () => {
  let opened = 0;
  const written: string[] = [];
  const terminal = createTerminal(
    {
      writeOut: (text) => written.push(`out:${text}`),
      writeError: (text) => written.push(`err:${text}`),
      env: {},
      isTerminal: { stdin: false, stdout: false, stderr: false },
    },
    new LineReader(() => (opened++, ReadableStream.from([new TextEncoder().encode("yes\n")]))),
    "stderr",
  );
  terminal.say("working");
  terminal.print("result\n");
  equal(opened, 0);
  equal(await terminal.ask("sure?", never), "yes");
  equal(opened, 1);
  equal(written.join("|"), "err:working\n|out:result\n|err:sure?");
});
