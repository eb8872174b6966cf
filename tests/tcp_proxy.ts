import { freePort } from "../playground/programs.ts";

/** A TCP connection through the proxy. */
interface Pair {
  inbound: Deno.Conn;
  outbound: Deno.Conn;
  stalled: boolean;
}

/** A network between a client and a server that can be cut, stalled, slowed down, taken away, and listened to. */
export class TcpProxy implements AsyncDisposable {
  readonly #target: { hostname: string; port: number };
  readonly #pairs = new Set<Pair>();
  readonly #pumps = new Set<Promise<void>>();
  readonly port: number;
  #listener: Deno.Listener | undefined;
  #stallsNew = false;
  #bytesPerSecond = Infinity;
  #accepted = 0;
  readonly #onSent: (bytes: Uint8Array) => void;

  /**
   * @param target e.g. `https://127.0.0.1:6443`; only host and port count
   * @param onSent hears what clients say
   */
  constructor(target: string, onSent: (bytes: Uint8Array) => void = () => {}) {
    this.#onSent = onSent;
    const { hostname, port, protocol } = new URL(target);
    this.#target = { hostname, port: Number(port || (protocol === "https:" ? 443 : 80)) };
    this.port = freePort(); // others leave it alone while nobody listens there
    this.listen();
  }

  /** Connections so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Connections that stand. */
  get open(): number {
    return this.#pairs.size;
  }

  /** The URL with the proxy in place of host and port; certificates have to be good for 127.0.0.1. */
  through(url: string): string {
    const result = new URL(url);
    result.hostname = "127.0.0.1";
    result.port = String(this.port);
    return result.href.replace(/\/$/, "");
  }

  /** Ends the connections that stand. */
  cut(): void {
    for (const pair of this.#pairs) close(pair);
  }

  /** The connections that stand carry nothing any more, without being closed: half-open, as after a lost route. */
  stall(): void {
    for (const pair of this.#pairs) pair.stalled = true;
  }

  /** New connections carry nothing either, until `heal`. */
  partition(): void {
    this.#stallsNew = true;
    this.stall();
  }

  /** New connections work again; those that were stalled stay so. */
  heal(): void {
    this.#stallsNew = false;
  }

  /** @param bytesPerSecond in each direction of each connection */
  slow(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** New connections are refused, until `listen`. */
  refuse(): void {
    this.#listener?.close();
    this.#listener = undefined;
  }

  listen(): void {
    this.#listener ??= this.#open();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.refuse();
    this.cut();
    await Promise.all(this.#pumps);
  }

  #open(): Deno.Listener {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: this.port });
    const accept = async () => {
      for await (const inbound of listener) this.#track(this.#relay(inbound));
    };
    this.#track(accept().catch(() => {})); // closed
    return listener;
  }

  async #relay(inbound: Deno.Conn): Promise<void> {
    this.#accepted++;
    let outbound: Deno.Conn;
    try {
      outbound = await Deno.connect(this.#target);
    } catch {
      inbound.close();
      return;
    }
    const pair: Pair = { inbound, outbound, stalled: this.#stallsNew };
    this.#pairs.add(pair);
    const both = [this.#pump(pair, inbound, outbound), this.#pump(pair, outbound, inbound)];
    await Promise.race(both);
    if (!pair.stalled) close(pair);
    await Promise.all(both);
    close(pair);
    this.#pairs.delete(pair);
  }

  async #pump(pair: Pair, from: Deno.Conn, to: Deno.Conn): Promise<void> {
    const buffer = new Uint8Array(16_384);
    try {
      for (let count; (count = await from.read(buffer.subarray(0, this.#chunk()))) !== null;) {
        if (pair.stalled) continue; // read and lost
        if (from === pair.inbound) this.#onSent(buffer.slice(0, count));
        for (let sent = 0; sent < count;) sent += await to.write(buffer.subarray(sent, count));
        const pauseMs = count / this.#bytesPerSecond * 1000;
        if (pauseMs > 1) await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    } catch {
      // closed
    }
  }

  #chunk(): number {
    return Math.max(1, Math.min(16_384, Math.round(this.#bytesPerSecond / 20)));
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#pumps.delete(tracked));
    this.#pumps.add(tracked);
  }
}

function close({ inbound, outbound }: Pair): void {
  for (const connection of [inbound, outbound]) {
    try {
      connection.close();
    } catch {
      // closed before
    }
  }
}
