import type { Deadline } from "./deadline.ts";

const BUFFER_BYTES = 16_384;

/**
 * Carries bytes between two connections, both of which are closed in the end. That comes with the end of what `server`
 * says, or when one of them breaks; a client that has said everything still gets its answer.
 *
 * @param patience ends it, too; it starts again whenever something has reached the client
 */
export async function relay(client: Deno.TcpConn, server: Deno.TcpConn, patience?: Deadline): Promise<void> {
  const broken = Promise.withResolvers<void>();
  patience?.signal.addEventListener("abort", () => broken.resolve(), { once: true });
  carry(client, server).catch(broken.resolve);
  await Promise.race([carry(server, client, () => patience?.extend()).catch(() => {}), broken.promise]);
  close(client);
  close(server);
}

/** @throws when `from` breaks; if `to` does, that shows in what comes from there */
async function carry(from: Deno.TcpConn, to: Deno.TcpConn, onCarried?: () => void): Promise<void> {
  const buffer = new Uint8Array(BUFFER_BYTES);
  for (let count; (count = await from.read(buffer)) !== null;) {
    try {
      for (let sent = 0; sent < count;) sent += await to.write(buffer.subarray(sent, count));
    } catch {
      return;
    }
    onCarried?.();
  }
  await to.closeWrite().catch(() => {});
}

/** Closes a connection that may be closed already. */
export function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // closed
  }
}
