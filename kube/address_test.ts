import assert from "node:assert/strict";
import { formatListenAddress, parseListenAddress } from "./address.ts";
import { ConfigError } from "./errors.ts";

const addresses: [text: string, host: string | undefined, port: number][] = [
  [":8080", undefined, 8080],
  ["127.0.0.1:0", "127.0.0.1", 0],
  ["localhost:65535", "localhost", 65535],
  ["[::1]:443", "::1", 443],
  ["[::]:80", "::", 80],
];
for (const [text, host, port] of addresses) {
  Deno.test(`parseListenAddress() reads ${text}, and formatListenAddress() writes it again`, () => {
    assert.deepEqual(parseListenAddress(text), { host, port });
    assert.equal(formatListenAddress({ host, port }), text);
  });
}

for (
  const text of ["", "8080", "localhost", ":", ":65536", ":-1", ":http", "::1:80", "http://a:80", "a b:80", "a:1:2"]
) {
  Deno.test(`parseListenAddress() refuses "${text}" and says what to write`, () => {
    assert.throws(() => parseListenAddress(text), (error: unknown) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, /write host:port/);
      return true;
    });
  });
}
