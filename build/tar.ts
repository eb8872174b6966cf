/** A file to pack. */
export interface PackedFile {
  /** In the archive; at most 100 bytes. */
  name: string;
  mode: number;
  bytes: Uint8Array<ArrayBuffer>;
}

const BLOCK = 512;
const encoder = new TextEncoder();

/**
 * A gzipped tar archive; the same files always make the same bytes.
 *
 * @see POSIX.1-2001, pax: ustar Interchange Format
 */
export async function tarGz(files: readonly PackedFile[]): Promise<Uint8Array<ArrayBuffer>> {
  const blocks = files.flatMap((
    { name, mode, bytes },
  ) => [header(name, mode, bytes.length), bytes, padding(bytes.length)]);
  const tar = new Blob([...blocks, new Uint8Array(2 * BLOCK)]);
  return await new Response(tar.stream().pipeThrough(new CompressionStream("gzip"))).bytes();
}

function header(name: string, mode: number, size: number): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(BLOCK);
  const put = (text: string, at: number) => block.set(encoder.encode(text), at);
  const octal = (value: number, length: number) => value.toString(8).padStart(length - 1, "0");
  if (encoder.encode(name).length > 100) throw new RangeError(`Cannot pack "${name}": the name is too long`);
  put(name, 0);
  put(octal(mode, 8), 100);
  put(octal(0, 8), 108); // owner
  put(octal(0, 8), 116); // group
  put(octal(size, 12), 124);
  put(octal(0, 12), 136); // time
  put(" ".repeat(8), 148); // the checksum counts as spaces
  put("0", 156); // a file
  put("ustar\x0000", 257);
  put(octal(block.reduce((sum, byte) => sum + byte, 0), 7) + "\0", 148);
  return block;
}

const padding = (size: number): Uint8Array<ArrayBuffer> => new Uint8Array((BLOCK - size % BLOCK) % BLOCK);
