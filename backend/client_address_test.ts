import { equal, throws } from "node:assert/strict";
import fc from "fast-check";
import { UsageError } from "../program.ts";
import { clientAddress, connectionOwner, networkOf, readNetworks } from "./client_address.ts";

const PROXIES = readNetworks(["10.0.0.0/8", "fd00::/8", "192.0.2.7"], "--trusted-proxy");

Deno.test("clientAddress() goes back from the connection as far as proxies can be trusted", () => {
  const cases: [connected: string, forwardedFor: string | null, client: string][] = [
    ["198.51.100.1", null, "198.51.100.1"],
    ["198.51.100.1", "203.0.113.9", "198.51.100.1"], // whoever connects may claim anything
    ["10.1.2.3", "203.0.113.9", "203.0.113.9"],
    ["::ffff:10.1.2.3", "203.0.113.9", "203.0.113.9"],
    ["10.1.2.3", "6.6.6.6, 203.0.113.9", "203.0.113.9"],
    ["10.1.2.3", "6.6.6.6, 203.0.113.9, fd00::1,192.0.2.7", "203.0.113.9"],
    ["10.1.2.3", "2001:db8::1", "2001:db8::1"],
    ["10.1.2.3", "203.0.113.9:4711", "203.0.113.9"],
    ["10.1.2.3", "[2001:db8::1]:4711", "2001:db8::1"],
    ["10.1.2.3", "::ffff:203.0.113.9", "203.0.113.9"],
    ["10.1.2.3", "203.0.113.9, unknown", "10.1.2.3"],
    ["10.1.2.3", "10.9.9.9", "10.9.9.9"],
    ["10.1.2.3", "", "10.1.2.3"],
    ["fe80::1%eth0", null, "fe80::1"],
  ];
  for (const [connected, forwardedFor, client] of cases) {
    equal(clientAddress(connected, forwardedFor, PROXIES), client, `${connected} for ${forwardedFor}`);
  }
  equal(clientAddress("10.1.2.3", "203.0.113.9", readNetworks([], "--trusted-proxy")), "10.1.2.3");
});

Deno.test("clientAddress() returns an address, whatever a header says", () => {
  fc.assert(fc.property(fc.array(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string())), (hops) => {
    const client = clientAddress("10.1.2.3", hops.join(","), PROXIES);
    equal(networkOf(client).length > 0, true);
    equal(clientAddress(client, null, PROXIES), client);
  }));
});

Deno.test("networkOf() takes the addresses of one IPv6 network for one", () => {
  equal(networkOf("203.0.113.9"), "203.0.113.9");
  equal(networkOf("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  equal(networkOf("2001:DB8:1:2::6"), "2001:db8:1:2::/64");
  equal(networkOf("2001:db8::1"), "2001:db8:0:0::/64");
  equal(networkOf("::1"), "0:0:0:0::/64");
  equal(networkOf("1::"), "1:0:0:0::/64");
});

Deno.test("readNetworks() refuses what is none", () => {
  for (
    const text of ["", "nonsense", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8/8", "fd00::/129", "fd00::/x"]
  ) {
    throws(() => readNetworks([text], "--trusted-proxy"), UsageError, text);
  }
});

Deno.test("connectionOwner() is the network that connects, and nobody where a trusted proxy does", () => {
  const proxies = readNetworks(["10.0.0.0/8"], "--trusted-proxy");
  equal(connectionOwner("192.0.2.1", proxies), "192.0.2.1");
  equal(connectionOwner("::ffff:192.0.2.1", proxies), "192.0.2.1");
  equal(connectionOwner("2001:db8:1:2::1", proxies), connectionOwner("2001:db8:1:2::9", proxies));
  equal(connectionOwner("10.1.2.3", proxies), undefined);
});
