import { ConfigError, messageOf } from "./errors.ts";
import { checkTlsServerName } from "./kubeconfig.ts";
import { close, relay } from "./relay.ts";

/** A way to the API server on which its certificate is verified against another name than its address. */
export interface ServerNameHop extends Disposable {
  /** The server's URL with the name in place of the address; only reachable through the proxy. */
  server: string;
  proxyUrl: string;
  /** Why the last connection did not come about; the client behind the proxy only learns that it did not. */
  failure?: string;
}

/**
 * `fetch` has no `tls-server-name` and silently verifies against the URL's host. So the URL gets the wanted name, and
 * this small CONNECT proxy on loopback dials the real address whatever name it is asked for: TLS runs through it end to
 * end, with the wanted name in SNI and in verification. It leads nowhere but to this one server.
 */
export function openServerNameHop(
  { server, tlsServerName, proxyUrl }: { server: string; tlsServerName: string; proxyUrl?: string },
): ServerNameHop {
  const described = `the cluster at ${server}`;
  if (proxyUrl) throw new ConfigError(`Cannot use ${described}: tls-server-name does not go together with proxy-url`);
  const real = new URL(server);
  if (real.protocol !== "https:") {
    throw new ConfigError(`Cannot use ${described}: tls-server-name needs a server that starts with https://`);
  }
  checkTlsServerName(tlsServerName, described);
  const wanted = new URL(server);
  wanted.hostname = tlsServerName;
  const address = { hostname: real.hostname.replace(/^\[|\]$/g, ""), port: Number(real.port || 443) };
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  const hop: ServerNameHop = {
    server: wanted.href.replace(/\/+$/, ""),
    proxyUrl: `http://127.0.0.1:${listener.addr.port}`,
    [Symbol.dispose]() {
      listener.close();
      for (const connection of open) close(connection);
    },
  };
  const accept = async () => {
    for await (const inbound of listener) {
      forward(inbound, address, open).catch((error) => hop.failure = messageOf(error));
    }
  };
  accept().catch(() => {}); // closed
  return hop;
}

async function forward(inbound: Deno.TcpConn, address: { hostname: string; port: number }, open: Set<Deno.Conn>) {
  open.add(inbound);
  let outbound: Deno.TcpConn | undefined;
  try {
    await readHead(inbound);
    outbound = await Deno.connect(address);
    open.add(outbound);
    await inbound.write(new TextEncoder().encode("HTTP/1.1 200 Connection established\r\n\r\n"));
    await relay(inbound, outbound);
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
