import { systemClock } from "./clock.ts";
import { Deadline } from "./deadline.ts";
import { GRACE_MS, type HttpServer, type HttpServerOptions, type Peer, serveHttp } from "./http_server.ts";
import { listenOn } from "./listen.ts";
import { close, relay } from "./relay.ts";
import type { Slots } from "./slots.ts";
import { fired } from "./tasks.ts";

export interface HttpsServerOptions extends HttpServerOptions {
  tls: Deno.TlsCertifiedKeyPem;
  limits?: ConnectionLimits;
}

/** What keeps clients from holding connections for nothing. */
export interface ConnectionLimits {
  /** At the same time; who comes then is cut off. */
  slots: Slots;
  /** Whose slot a connection from this address takes; undefined for one without a limit of its own. */
  ownerOf: (address: string) => string | undefined;
  /** Somebody was cut off for want of a slot. */
  onRefused?: () => void;
  /** A connection is cut when for so long nothing has reached its client: longer than any answer takes. */
  silenceMs: number;
}

/** A server whose certificate can be renewed while it serves. */
export interface HttpsServer extends HttpServer {
  /** Shows this certificate to whoever connects from now on; connections that stand go on as they are. */
  renew(tls: Deno.TlsCertifiedKeyPem): void;
}

/** Between two tries to accept a connection, when there is no socket to be had. */
const ACCEPT_RETRY_MS = 100;
/** How long the end of an answer may take to reach a client, once the server behind has sent it. */
const FLUSH_MS = 1_000;
const LOOPBACK = "127.0.0.1";
const NEVER = new AbortController().signal;

/**
 * Answers requests by HTTPS until the signal fires, and misses none when the certificate is renewed.
 *
 * `Deno.serve` takes a certificate once, and its shutdown drops whoever has connected but not asked yet. So each
 * certificate has a server of its own on loopback, and what listens here relays to the newest without decrypting.
 *
 * @throws {ConfigError} when it cannot listen there, saying what to change
 */
export function serveHttps(options: HttpsServerOptions, signal: AbortSignal): HttpsServer {
  const { graceMs = GRACE_MS } = options;
  signal.throwIfAborted();
  const listener = listenOn(options, (address) => Deno.listen(address));
  const servers = new Set<CertificateServer>();
  const clients = new Map<Deno.TcpConn, Promise<void>>();
  let newest = open(options.tls);

  function open(tls: Deno.TlsCertifiedKeyPem): CertificateServer {
    const server = new CertificateServer({ ...options, tls });
    servers.add(server);
    server.finished.then(() => servers.delete(server), () => {});
    return server;
  }

  function takeSlot({ remoteAddr: { hostname } }: Deno.TcpConn): (() => void) | undefined {
    const { limits } = options;
    return limits ? limits.slots.take(limits.ownerOf(hostname)) : () => {};
  }

  async function accept(): Promise<void> {
    while (true) {
      try {
        const client = await listener.accept();
        const giveBack = takeSlot(client);
        if (!giveBack) {
          options.limits?.onRefused?.();
          close(client);
          continue;
        }
        const served = newest.serve(client).finally(() => {
          clients.delete(client);
          giveBack();
        });
        clients.set(client, served);
      } catch {
        if (signal.aborted) return;
        await systemClock.sleep(ACCEPT_RETRY_MS, signal).catch(() => {});
      }
    }
  }

  async function run(): Promise<void> {
    const accepting = accept();
    await fired(signal);
    listener.close();
    for (const server of servers) server.stop();
    // Also for those who have connected and say nothing, whom the shutdown of `Deno.serve` would wait for.
    const timer = setTimeout(() => [...clients.keys()].forEach(close), graceMs + FLUSH_MS);
    await accepting;
    await Promise.all([...Array.from(servers, ({ finished }) => finished), ...clients.values()]);
    clearTimeout(timer);
  }

  return {
    port: listener.addr.port,
    finished: run(),
    renew(tls) {
      const former = newest;
      newest = open(tls);
      former.retire();
    },
  };
}

/** Serves with one certificate, on loopback. */
class CertificateServer {
  readonly #server: HttpServer;
  readonly #stop = new AbortController();
  readonly #silenceMs: number | undefined;
  /** By the port that they are relayed from. */
  readonly #peers = new Map<number, Peer>();
  #connections = 0;
  #isRetired = false;

  constructor(options: HttpsServerOptions) {
    this.#silenceMs = options.limits?.silenceMs;
    this.#server = serveHttp({
      ...options,
      address: { host: LOOPBACK, port: 0 },
      handler: (request, { remoteAddr: { port } }) => {
        const peer = this.#peers.get(port);
        // It has gone in the meantime, or found its own way here.
        return peer ? options.handler(request, peer) : new Response(null, { status: 421 });
      },
    }, this.#stop.signal);
  }

  get finished(): Promise<void> {
    return this.#server.finished;
  }

  /** Settles when the connection has ended, however that came. */
  async serve(client: Deno.TcpConn): Promise<void> {
    this.#connections++;
    try {
      client.setNoDelay();
      client.setKeepAlive(); // one that vanished must not keep a retired server
      const relayed = await Deno.connect({ hostname: LOOPBACK, port: this.#server.port });
      const { port } = relayed.localAddr;
      relayed.setNoDelay();
      this.#peers.set(port, { remoteAddr: client.remoteAddr });
      using patience = this.#silenceMs === undefined ? undefined : new Deadline(this.#silenceMs, NEVER);
      await relay(client, relayed, patience);
      this.#peers.delete(port);
    } catch {
      close(client); // no socket to be had, or it has gone already
    }
    this.#connections--;
    this.#endUnused();
  }

  /** Nobody new will come; ends once those who are here have gone. */
  retire(): void {
    this.#isRetired = true;
    this.#endUnused();
  }

  stop(): void {
    this.#stop.abort();
  }

  #endUnused(): void {
    if (this.#isRetired && this.#connections === 0) this.stop();
  }
}
