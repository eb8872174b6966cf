import { ConfigError } from "./errors.ts";

/** A way to the API server on which its certificate is verified against another name than its address. */
export interface ServerNameHop extends Disposable {
  /** The server's URL with the name in place of the address; only reachable through the proxy. */
  server: string;
  proxyUrl: string;
}

/**
 * `fetch` has no `tls-server-name` and silently verifies against the URL's host. So the URL gets the wanted name, and
 * this small CONNECT proxy on loopback dials the real address whatever name it is asked for: TLS runs through it end to
 * end, with the wanted name in SNI and in verification. It leads nowhere but to this one server.
 */
export function openServerNameHop(
  { server, tlsServerName, proxyUrl }: { server: string; tlsServerName: string; proxyUrl?: string },
): Promise<ServerNameHop> {
  if (proxyUrl) throw new ConfigError("Cannot use tls-server-name together with proxy-url");
  const real = new URL(server);
  if (real.protocol !== "https:") throw new ConfigError(`Cannot use tls-server-name with ${server}: it is not https`);
  const wanted = new URL(server);
  wanted.hostname = tlsServerName;
  if (wanted.hostname !== tlsServerName.toLowerCase()) {
    throw new ConfigError(`Cannot use tls-server-name "${tlsServerName}": it is not a host name`);
  }
  const address = { hostname: real.hostname.replace(/^\[|\]$/g, ""), port: Number(real.port || 443) };
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  const accept = async () => {
    for await (const inbound of listener) relay(inbound, address, open).catch(() => {});
  };
  accept().catch(() => {});
  return Promise.resolve({
    server: wanted.href.replace(/\/+$/, ""),
    proxyUrl: `http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`,
    [Symbol.dispose]() {
      listener.close();
      for (const connection of open) close(connection);
    },
  });
}

async function relay(inbound: Deno.Conn, address: { hostname: string; port: number }, open: Set<Deno.Conn>) {
  open.add(inbound);
  let outbound: Deno.Conn | undefined;
  try {
    await readHead(inbound);
    outbound = await Deno.connect(address);
    open.add(outbound);
    await inbound.write(new TextEncoder().encode("HTTP/1.1 200 Connection established\r\n\r\n"));
    await Promise.all([
      inbound.readable.pipeTo(outbound.writable),
      outbound.readable.pipeTo(inbound.writable),
    ]);
  } finally {
    for (const connection of [inbound, outbound]) {
      if (!connection) continue;
      open.delete(connection);
      close(connection);
    }
  }
}

/** The CONNECT request; nothing follows it before our answer. */
async function readHead(connection: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(4096);
  let text = "";
  while (!text.includes("\r\n\r\n")) {
    const count = await connection.read(buffer);
    if (count === null || text.length > 16_384) throw new Error("no CONNECT request");
    text += new TextDecoder().decode(buffer.subarray(0, count));
  }
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // closed by the other end of the pipe
  }
}
