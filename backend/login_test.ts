import { equal, match, notEqual, rejects, throws } from "node:assert/strict";
import { type Clock, systemClock } from "../kube/clock.ts";
import { ConfigError } from "../kube/errors.ts";
import { silentLog } from "../kube/log.ts";
import { openEmbeddedIssuer } from "../oidc/embedded_issuer.ts";
import { OidcError } from "../oidc/errors.ts";
import { createTestAuthority, type TestAuthority } from "../playground/certificates.ts";
import { within } from "../tests/clusters.ts";
import { HostileIssuer } from "../tests/hostile_issuer.ts";
import { Login } from "./login.ts";
import type { OidcOptions } from "./login_options.ts";

const callbackUrl = "http://127.0.0.1:9/callback";
const options = (issuerUrl: string): OidcOptions => ({
  issuerUrl,
  clientId: "klutch",
  clientSecret: "s",
  callbackUrl,
  tokens: { audiences: [], otherIssuers: [], programs: [] },
});

Deno.test("Login waits for an issuer that is down at the start, and says so meanwhile", async () => {
  const issuer = { clientId: "klutch", clientSecret: "s", redirectUris: [callbackUrl] };
  const before = await openEmbeddedIssuer(issuer, within(10_000));
  const { issuerUrl } = before;
  await before[Symbol.asyncDispose](); // its port is free now
  const signal = within(20_000);
  let again: AsyncDisposable | undefined;
  let pauses = 0;
  const clock: Clock = {
    ...systemClock,
    async sleep() {
      match(String(login.readiness), /not reachable/);
      throws(() => login.relyingParty, (error) => error instanceof OidcError && error.code === "issuer_unreachable");
      if (++pauses === 3) {
        again = await openEmbeddedIssuer({ ...issuer, port: Number(new URL(issuerUrl).port) }, signal);
      }
    },
  };
  using login = new Login(options(issuerUrl), { log: silentLog, clock });
  await login.connect(signal);
  equal(pauses, 3);
  equal(login.readiness, true);
  equal(login.relyingParty.issuer, issuerUrl);
  await again?.[Symbol.asyncDispose]();
});

Deno.test("Login gives up at once on an issuer that can never work", async () => {
  using login = new Login(options("http://sso.example.com"), { log: silentLog });
  await rejects(login.connect(within(5000)), ConfigError);
});

Deno.test("Login follows an issuer to the certificate of another CA, and is not gone meanwhile", async () => {
  const signal = within(20_000);
  const authorities = [await createTestAuthority("first"), await createTestAuthority("second")] as const;
  const openWith = async (authority: TestAuthority, port?: number) => {
    const { certificate: cert, key } = await authority.issueServer({ dns: [], ip: ["127.0.0.1"] });
    return await HostileIssuer.open({ tls: { cert, key }, port });
  };
  const [first, second] = authorities;
  const before = await openWith(first);
  let failed = Promise.withResolvers<void>();
  const clock: Clock = {
    ...systemClock,
    async sleep(ms, signal) {
      failed.resolve();
      await systemClock.sleep(ms, signal);
    },
  };
  using login = new Login(options(before.url), { caData: second.certificate, log: silentLog, clock });
  const connecting = login.connect(signal);
  await failed.promise; // the first CA is not trusted
  match(String(login.readiness), /not reachable/);
  await login.trust(first.certificate, signal);
  await connecting;
  const former = login.relyingParty;
  await before[Symbol.asyncDispose]();

  failed = Promise.withResolvers();
  const renewing = login.trust(second.certificate, signal);
  await failed.promise; // nobody is there
  equal(login.readiness, true);
  await using _after = await openWith(second, Number(new URL(before.url).port));
  await renewing;
  notEqual(login.relyingParty, former);
});
