import { formatListenAddress, type ListenAddress } from "./address.ts";
import { ConfigError, messageOf } from "./errors.ts";

/**
 * Begins to listen, without a host on all interfaces.
 *
 * @param serves for messages: `the health endpoints`, `the web pages`
 * @throws {ConfigError} when that cannot be, saying what to change
 */
export function listenOn<T>(
  { address, serves }: { address: ListenAddress; serves: string },
  listen: (address: { hostname: string; port: number }) => T,
): T {
  const { host, port } = address;
  try {
    return host ? listen({ hostname: host, port }) : listenEverywhere((hostname) => listen({ hostname, port }));
  } catch (cause) {
    throw new ConfigError(`Cannot listen on ${formatListenAddress(address)} for ${serves}: ${explain(cause)}`, {
      cause,
    });
  }
}

/** `::` takes IPv4 too, but is missing where IPv6 is switched off. */
function listenEverywhere<T>(listen: (hostname: string) => T): T {
  try {
    return listen("::");
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse || error instanceof Deno.errors.PermissionDenied) throw error;
    return listen("0.0.0.0");
  }
}

function explain(cause: unknown): string {
  if (cause instanceof Deno.errors.AddrInUse) {
    return "the port is in use by another process; stop it, or choose another port";
  }
  if (cause instanceof Deno.errors.AddrNotAvailable) return "no network interface of this machine has that address";
  if (cause instanceof Deno.errors.PermissionDenied) {
    return "this user may not listen there; choose a port of 1024 or above";
  }
  if (/lookup address|dns/i.test(messageOf(cause))) return "the host name cannot be resolved";
  return messageOf(cause);
}
