import { BlockList, isIP } from "node:net";
import { UsageError } from "../program.ts";

/** Networks, each as an address or in CIDR notation. @throws {UsageError} */
export function readNetworks(texts: readonly string[], flag: string): BlockList {
  const networks = new BlockList();
  for (const text of texts) {
    const [, address = "", length] = /^([^/]+)(?:\/(\d+))?$/.exec(text) ?? [];
    const family = familyOf(address);
    if (!family || Number(length ?? 0) > BITS[family]) {
      throw new UsageError(
        `invalid value '${text}' for '${flag}': it takes an address or a network, e.g. 10.0.0.0/8 or fd00::/8`,
      );
    }
    networks.addSubnet(address, Number(length ?? BITS[family]), family);
  }
  return networks;
}

/**
 * Where a request comes from: the address that has connected, or, if that is a trusted proxy's, the last one in
 * `X-Forwarded-For` that is not. What stands before it anybody may have written.
 *
 * @returns IPv4 or IPv6, the former never in the form of the latter
 */
export function clientAddress(connected: string, forwardedFor: string | null, proxies: BlockList): string {
  let client = plain(connected);
  for (const hop of (forwardedFor ?? "").split(",").toReversed()) {
    if (!proxies.check(client, familyOf(client))) break;
    const address = plain(hop.trim().replace(PORT, "$1$2"));
    if (!familyOf(address)) break;
    client = address;
  }
  return client;
}

/** What one party may have many addresses of: an IPv6 network of 64 bits, or a single IPv4 address. */
export function networkOf(address: string): string {
  if (familyOf(address) !== "ipv6") return address;
  const [head = "", tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const groupsOf = (text = "") => text.split(":").filter(Boolean);
  const zeros = Array(8).fill("0");
  const groups = tail === undefined
    ? groupsOf(head)
    : [...groupsOf(head), ...zeros].toSpliced(8 - groupsOf(tail).length);
  return `${groups.slice(0, 4).join(":")}::/64`;
}

const BITS = { ipv4: 32, ipv6: 128 };

/** Who a connection from this address counts for; undefined for a trusted proxy, which has it for many. */
export function connectionOwner(connected: string, proxies: BlockList): string | undefined {
  const address = plain(connected);
  return proxies.check(address, familyOf(address)) ? undefined : networkOf(address);
}

/** Some proxies write `192.0.2.1:4711` and `[2001:db8::1]:4711`. */
const PORT = /^(?:([\d.]+)|\[([^\]]+)\])(?::\d+)?$/;

/** Without the zone of a link, and IPv4 as itself. */
const plain = (address: string) => address.replace(/%.*$/, "").replace(/^::ffff:(?=\d+\.)/i, "");

const familyOf = (address: string) => ({ 4: "ipv4", 6: "ipv6" } as const)[isIP(address) as 4 | 6];
