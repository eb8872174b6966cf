import { equal, throws } from "node:assert/strict";
import { readRedirectTarget } from "./redirect_target.ts";
import { Refusal } from "./refusal.ts";

const ALLOWED = ["https://console.example.com"];

const taken: [target: { u?: string; p?: string }, url: string][] = [
  [{ p: "34567" }, "http://localhost:34567/callback"],
  [{ u: "http://localhost:8000/callback" }, "http://localhost:8000/callback"],
  [{ u: "http://127.0.0.1:8000/any?x=1" }, "http://127.0.0.1:8000/any?x=1"],
  [{ u: "http://127.1.2.3/" }, "http://127.1.2.3/"],
  [{ u: "http://[::1]:1/" }, "http://[::1]:1/"],
  [{ u: "http://localhost:1/", p: "2" }, "http://localhost:1/"],
  [{ u: "https://console.example.com/klutch" }, "https://console.example.com/klutch"],
];
for (const [target, url] of taken) {
  Deno.test(`readRedirectTarget() takes ${JSON.stringify(target)}`, () =>
    equal(readRedirectTarget(target, ALLOWED), url));
}

const attacks = [
  "https://evil.example/",
  "http://localhost.evil.example/",
  "http://localhost@evil.example/",
  "http://127.0.0.1@evil.example/",
  "http://user:password@localhost:1/",
  "https://console.example.com.evil.example/",
  "http://console.example.com/",
  "https://console.example.com:444/",
  "//evil.example/",
  "javascript:alert(1)",
  "file:///etc/passwd",
  "http://0.0.0.0:1/",
  "http://169.254.169.254/",
  "http://localhost:1/#fragment",
  "http://127.0.0.1.nip.io/",
  "not a url",
  `http://localhost/${"x".repeat(2000)}`,
];
for (const u of attacks) {
  Deno.test(`readRedirectTarget() sends no credential to ${u.slice(0, 50)}`, () => {
    throws(() => readRedirectTarget({ u }, ALLOWED), Refusal);
  });
}
for (const p of ["", "0", "65536", "-1", "1e3", "80/../", "8080@evil.example", " 80", "999999"]) {
  Deno.test(`readRedirectTarget() refuses port "${p}"`, () => throws(() => readRedirectTarget({ p }, []), Refusal));
}
