import { formatListenAddress } from "../kube/address.ts";

export interface HttpLoad {
  url: URL;
  headers: Readonly<Record<string, string>>;
  /** Each of them asks again as soon as it has its answer. */
  connections: number;
  /** On all connections. */
  requests: number;
}

/**
 * Asks for one page many times. A client of a browser's comfort would take more CPU time than the server: this one
 * speaks just as much HTTP/1.1 as it takes.
 *
 * @returns milliseconds from each request to the last byte of its answer
 * @throws {Error} for an answer that is not like the first one
 */
export async function runHttpLoad(load: HttpLoad, signal: AbortSignal): Promise<number[]> {
  const { url, connections, requests } = load;
  const timesMs: number[] = [];
  let left = requests;
  let sizeBytes: number | undefined;
  await Promise.all(Array.from({ length: connections }, async () => {
    using connection = await Deno.connect({ hostname: url.hostname, port: Number(url.port) });
    connection.setNoDelay();
    const request = new TextEncoder().encode(formatRequest(load));
    const buffer = new Uint8Array(1 << 18);
    while (left-- > 0) {
      signal.throwIfAborted();
      const startMs = performance.now();
      await writeAll(connection, request);
      const bodyBytes = await readAnswer(connection, buffer);
      timesMs.push(performance.now() - startMs);
      sizeBytes ??= bodyBytes;
      if (bodyBytes !== sizeBytes) {
        throw new Error(`Answers of ${url.pathname} differ: ${sizeBytes}, ${bodyBytes} bytes`);
      }
    }
  }));
  return timesMs;
}

function formatRequest({ url, headers }: HttpLoad): string {
  const host = formatListenAddress({ host: url.hostname, port: Number(url.port) });
  const lines = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join("")}\r\n`;
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await connection.write(bytes.subarray(sent));
}

/**
 * Reads one answer to its end, and keeps nothing but its head.
 *
 * @param buffer for a head and more
 * @returns bytes of the body
 */
async function readAnswer(connection: Deno.Conn, buffer: Uint8Array): Promise<number> {
  let received = 0;
  let head: AnswerHead | undefined;
  while (!head || received < head.sizeBytes + head.bodyBytes) {
    const count = await connection.read(head ? buffer : buffer.subarray(received));
    if (count === null) throw new Error("The server has closed the connection in the midst of an answer");
    received += count;
    head ??= parseHead(new TextDecoder("latin1").decode(buffer.subarray(0, Math.min(received, LONGEST_HEAD))));
  }
  return head.bodyBytes;
}

const LONGEST_HEAD = 8192;

interface AnswerHead {
  sizeBytes: number;
  bodyBytes: number;
}

/**
 * What comes before the body; undefined while it is not complete.
 *
 * @throws {Error} for anything but a page whose length is said beforehand
 */
export function parseHead(text: string): AnswerHead | undefined {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const head = text.slice(0, end);
  const length = /^content-length: *(\d+)$/im.exec(head)?.[1];
  if (!/^HTTP\/1\.1 200 /.test(head) || length === undefined) {
    throw new Error(`Expected a page of a known length, and got: ${head.split("\r\n", 1)[0]}`);
  }
  return { sizeBytes: end + 4, bodyBytes: Number(length) };
}
