import * as jose from "jose";
import { type LocalServer, serveLocally } from "./local_server.ts";

/** Whom tokens in tests are for. */
export const AUDIENCE = "https://klutch.example.com";

/** An issuer with metadata and keys alone, as CI systems have them; its tokens are for `AUDIENCE`. */
export class KeyServer implements AsyncDisposable {
  readonly #server: LocalServer;
  readonly metadata: Record<string, unknown> = {};
  isDown = false;
  readonly #pair: jose.GenerateKeyPairResult;
  readonly #keyId = crypto.randomUUID();

  private constructor(pair: jose.GenerateKeyPairResult) {
    this.#pair = pair;
    this.#server = serveLocally(async (request) => {
      if (this.isDown) return new Response("down", { status: 503 });
      if (request.url.endsWith("/jwks")) {
        const key = await jose.exportJWK(this.#pair.publicKey);
        return Response.json({ keys: [{ ...key, kid: this.#keyId, alg: "ES256", use: "sig" }] });
      }
      return Response.json({ issuer: this.url, jwks_uri: `${this.url}/jwks`, ...this.metadata });
    });
  }

  static async open(): Promise<KeyServer> {
    return new KeyServer(await jose.generateKeyPair("ES256", { extractable: true }));
  }

  get url(): string {
    return this.#server.url;
  }

  get requests(): string[] {
    return this.#server.requests;
  }

  /** @param claims over those of a good token; undefined leaves one out */
  sign(claims: jose.JWTPayload = {}, header: Record<string, unknown> = {}): Promise<string> {
    const nowSeconds = Math.floor(Date.now() / 1000);
    const payload = {
      iss: this.url,
      sub: "ci",
      aud: AUDIENCE,
      iat: nowSeconds,
      exp: nowSeconds + 60,
      ...claims,
    };
    const present = Object.fromEntries(Object.entries(payload).filter(([, value]) => value !== undefined));
    const protectedHeader = { alg: "ES256", kid: this.#keyId, ...header };
    return new jose.SignJWT(present).setProtectedHeader(protectedHeader).sign(this.#pair.privateKey);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}
