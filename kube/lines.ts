/** As Deno's own; a watch needs less, a list of thousands of objects comes in parts of this size. */
const BUFFER_BYTES = 65_536;

/**
 * The lines of a UTF-8 byte stream without their line feed; a last line without one is not a whole line and is dropped.
 * All is read into one buffer: a new one for each of many small events would keep the garbage collector busy.
 *
 * @param onBytes called for every chunk, also when it completes no line
 */
export async function* readLines(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  onBytes: () => void,
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const reader = body.getReader({ mode: "byob" });
  let buffer = new ArrayBuffer(BUFFER_BYTES);
  let begun: Uint8Array[] = [];
  try {
    while (true) {
      const { done, value: chunk } = await reader.read(new Uint8Array(buffer));
      if (done) return;
      onBytes();
      let from = 0;
      for (let end; (end = chunk.indexOf(10, from)) >= 0; from = end + 1) {
        const rest = chunk.subarray(from, end);
        yield decoder.decode(begun.length > 0 ? concat([...begun, rest]) : rest);
        begun = [];
      }
      if (from < chunk.length) begun.push(chunk.slice(from));
      buffer = chunk.buffer;
    }
  } finally {
    await reader.cancel();
  }
}

function concat(parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
