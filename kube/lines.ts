/**
 * The lines of a UTF-8 byte stream without their line feed; a last line without one is not a whole line and is dropped.
 *
 * @param onBytes called for every chunk, also when it completes no line
 */
export async function* readLines(body: ReadableStream<Uint8Array>, onBytes: () => void): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let begun: Uint8Array[] = [];
  for await (const chunk of body) {
    onBytes();
    let from = 0;
    for (let end; (end = chunk.indexOf(10, from)) >= 0; from = end + 1) {
      const rest = chunk.subarray(from, end);
      yield decoder.decode(begun.length > 0 ? concat([...begun, rest]) : rest);
      begun = [];
    }
    if (from < chunk.length) begun.push(chunk.subarray(from));
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
