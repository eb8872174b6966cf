import { packTar } from "modern-tar";

/** A file to pack. */
export interface PackedFile {
  /** In the archive. */
  name: string;
  mode: number;
  bytes: Uint8Array<ArrayBuffer>;
}

/** A gzipped tar archive; the same files always make the same bytes. */
export async function tarGz(files: readonly PackedFile[]): Promise<Uint8Array<ArrayBuffer>> {
  const tar = await packTar(files.map(({ name, mode, bytes }) => ({
    header: { name, mode, size: bytes.length, mtime: new Date(0) },
    body: bytes,
  })));
  return await new Response(new Blob([tar]).stream().pipeThrough(new CompressionStream("gzip"))).bytes();
}
