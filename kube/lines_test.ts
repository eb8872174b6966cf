import assert from "node:assert/strict";
import fc from "fast-check";
import { readLines } from "./lines.ts";

type Bytes = Uint8Array<ArrayBuffer>;

function streamOf(chunks: Bytes[]): ReadableStream<Bytes> {
  const left = chunks.map((chunk) => chunk.slice());
  return new ReadableStream({
    type: "bytes",
    pull(controller) {
      const chunk = left.shift();
      if (chunk) return controller.enqueue(chunk);
      controller.close();
      controller.byobRequest?.respond(0);
    },
  });
}

Deno.test("lines come out whole, wherever the stream was cut into chunks", async () => {
  const text = fc.string({ unit: "binary" }).map((one) => one.replaceAll(/[\n\ufeff]/g, "").toWellFormed());
  await fc.assert(fc.asyncProperty(fc.array(text), fc.array(fc.nat(20)), async (lines, sizes) => {
    const bytes = new TextEncoder().encode(lines.map((line) => line + "\n").join(""));
    const chunks: Bytes[] = [];
    for (let at = 0; at < bytes.length;) {
      const size = sizes[chunks.length % Math.max(sizes.length, 1)] ?? 7;
      chunks.push(bytes.subarray(at, at + size + 1));
      at += size + 1;
    }
    let heard = 0;
    assert.deepEqual(await Array.fromAsync(readLines(streamOf(chunks), () => heard++)), lines);
    assert.equal(heard, chunks.length);
  }));
});

Deno.test("a line without an end is dropped", async () => {
  const bytes = new TextEncoder().encode("one\ntwo\nthr");
  assert.deepEqual(await Array.fromAsync(readLines(streamOf([bytes]), () => {})), ["one", "two"]);
});

Deno.test("a reader that stops early cancels the stream", async () => {
  let cancelled = false;
  const endless = new ReadableStream<Bytes>({
    type: "bytes",
    pull: (controller) => controller.enqueue(new TextEncoder().encode("x\n")),
    cancel: () => {
      cancelled = true;
    },
  });
  for await (const line of readLines(endless, () => {})) {
    assert.equal(line, "x");
    break;
  }
  assert.ok(cancelled);
});
