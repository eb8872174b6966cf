import * as jose from "jose";

/** What the issuer says about the person who logs in; `sub` at least. */
export type Claims = jose.JWTPayload & Record<string, unknown>;

/** How one endpoint answers instead of what it should. */
export type Answer =
  | { status: number; headers?: Record<string, string>; body: string }
  /** Headers and half a body at once, the rest never. */
  | "stalls"
  /** No byte at all. */
  | "hangs"
  /** JSON without end. */
  | "floods";

export interface Misbehaviour {
  discovery?: Answer;
  /** Merged over the true metadata. */
  metadata?: Record<string, unknown>;
  jwks?: Answer;
  token?: Answer;
  /** Parameters of the redirect back to the client, instead of code, state and iss. */
  callback?: (callback: { code: string; state: string }) => Record<string, string>;
  /** Merged over the true claims of the ID token; undefined removes one. */
  claims?: Claims;
  /** How the ID token is signed: not at all, with a key nobody published, by HMAC with the client secret, or changed after signing. */
  signature?: "none" | "foreign key" | "client secret" | "tampered";
  /** Leaves the ID token out of the answer. */
  withoutIdToken?: boolean;
}

export interface HostileIssuerOptions {
  /** To come back where another one was; else a free one. */
  port?: number;
  /** PEM, for 127.0.0.1; else plain HTTP. */
  tls?: { cert: string; key: string };
}

interface Grant {
  redirectUri: string;
  challenge: string;
  nonce: string;
}

/**
 * A small OpenID Connect issuer on loopback that logs everybody in as `person` without a page, follows the rules (PKCE,
 * client secret, one use per code), and breaks those that `misbehave` names. Its keys are fresh per instance.
 */
export class HostileIssuer implements AsyncDisposable {
  readonly clientId = "klutch";
  readonly clientSecret = "s3cret of klutch";
  readonly url: string;
  person: Claims = { sub: "alice", email: "alice@example.com", email_verified: true, name: "Alice", groups: ["dev"] };
  misbehave: Misbehaviour = {};
  /** Method and path of each request, in order. */
  readonly requests: string[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #closing = new AbortController();
  readonly #grants = new Map<string, Grant>();
  #keyId = crypto.randomUUID();
  #keys: jose.GenerateKeyPairResult;

  private constructor(keys: jose.GenerateKeyPairResult, { port = 0, tls }: HostileIssuerOptions) {
    this.#keys = keys;
    const options = { hostname: "127.0.0.1", port, onListen: () => {} };
    this.#server = Deno.serve({ ...options, ...tls } as typeof options, (request) => this.#answer(request));
    this.url = `${tls ? "https" : "http"}://127.0.0.1:${this.#server.addr.port}`;
  }

  static async open(options: HostileIssuerOptions = {}): Promise<HostileIssuer> {
    return new HostileIssuer(await jose.generateKeyPair("ES256", { extractable: true }), options);
  }

  /** Signs with a new key from now on; the old one is no longer published. */
  async rotateKeys(): Promise<void> {
    this.#keys = await jose.generateKeyPair("ES256", { extractable: true });
    this.#keyId = crypto.randomUUID();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#server.shutdown();
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    this.requests.push(`${request.method} ${pathname}`);
    const { discovery, jwks, token } = this.misbehave;
    switch (pathname) {
      case "/.well-known/openid-configuration":
        return discovery
          ? await this.#misanswer(discovery)
          : Response.json({ ...this.#metadata, ...this.misbehave.metadata });
      case "/jwks":
        return jwks ? await this.#misanswer(jwks) : Response.json({ keys: [await this.#publicKey()] });
      case "/authorize":
        return this.#authorize(searchParams);
      case "/token":
        return token ? await this.#misanswer(token) : await this.#exchange(request);
    }
    return new Response("not found", { status: 404 });
  }

  get #metadata() {
    return {
      issuer: this.url,
      authorization_endpoint: `${this.url}/authorize`,
      token_endpoint: `${this.url}/token`,
      jwks_uri: `${this.url}/jwks`,
      response_types_supported: ["code"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: ["ES256"],
      code_challenge_methods_supported: ["S256"],
    };
  }

  async #publicKey(): Promise<jose.JWK> {
    return { ...await jose.exportJWK(this.#keys.publicKey), kid: this.#keyId, alg: "ES256", use: "sig" };
  }

  #authorize(query: URLSearchParams): Response {
    const wanted = { response_type: "code", client_id: this.clientId, code_challenge_method: "S256" };
    for (const [name, value] of Object.entries(wanted)) {
      if (query.get(name) !== value) return new Response(`${name} has to be ${value}`, { status: 400 });
    }
    const code = crypto.randomUUID();
    const redirectUri = query.get("redirect_uri")!;
    this.#grants.set(code, { redirectUri, challenge: query.get("code_challenge")!, nonce: query.get("nonce")! });
    const state = query.get("state")!;
    const back = new URL(redirectUri);
    back.search = new URLSearchParams(this.misbehave.callback?.({ code, state }) ?? { code, state }).toString();
    return new Response(null, { status: 302, headers: { location: back.href } });
  }

  async #exchange(request: Request): Promise<Response> {
    const form = new URLSearchParams(await request.text());
    if (!this.#isOurClient(request, form)) {
      return Response.json({ error: "invalid_client" }, { status: 401, headers: { "www-authenticate": "Basic" } });
    }
    const grant = this.#grants.get(form.get("code") ?? "");
    this.#grants.delete(form.get("code") ?? "");
    const challenge = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(form.get("code_verifier") ?? ""));
    const isRight = grant && grant.redirectUri === form.get("redirect_uri") &&
      grant.challenge === jose.base64url.encode(new Uint8Array(challenge));
    if (!isRight) return Response.json({ error: "invalid_grant", error_description: "no such grant" }, { status: 400 });
    return Response.json({
      access_token: "access-token-of-the-issuer",
      token_type: "Bearer",
      expires_in: 60,
      ...(!this.misbehave.withoutIdToken && { id_token: await this.#idToken(grant.nonce) }),
    });
  }

  /** The secret has to come in the way that the metadata announce. */
  #isOurClient(request: Request, form: URLSearchParams): boolean {
    const methods = this.misbehave.metadata?.token_endpoint_auth_methods_supported as string[] | undefined;
    if (methods?.includes("client_secret_post")) return form.get("client_secret") === this.clientSecret;
    const parts = [this.clientId, this.clientSecret].map((part) =>
      new URLSearchParams({ v: part }).toString().slice(2)
    );
    return request.headers.get("authorization") === `Basic ${btoa(parts.join(":"))}`;
  }

  async #idToken(nonce: string): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const standard = { iss: this.url, aud: this.clientId, iat: now, exp: now + 60, nonce };
    const claims = { ...this.person, ...standard, ...this.misbehave.claims } as jose.JWTPayload;
    const header = { alg: "ES256", kid: this.#keyId };
    const encode = (value: unknown) => jose.base64url.encode(JSON.stringify(value));
    switch (this.misbehave.signature) {
      case "none":
        return `${encode({ alg: "none" })}.${encode(claims)}.`;
      case "foreign key":
        return await new jose.SignJWT(claims).setProtectedHeader(header)
          .sign((await jose.generateKeyPair("ES256")).privateKey);
      case "client secret":
        return await new jose.SignJWT(claims).setProtectedHeader({ alg: "HS256" })
          .sign(new TextEncoder().encode(this.clientSecret.padEnd(32)));
      case "tampered": {
        const [head, , signature] = (await this.#sign(claims, header)).split(".");
        return `${head}.${encode({ ...claims, sub: "mallory" })}.${signature}`;
      }
    }
    return await this.#sign(claims, header);
  }

  #sign(claims: jose.JWTPayload, header: jose.JWTHeaderParameters): Promise<string> {
    return new jose.SignJWT(claims).setProtectedHeader(header).sign(this.#keys.privateKey);
  }

  async #misanswer(answer: Answer): Promise<Response> {
    const json = { headers: { "content-type": "application/json" } };
    const closing = this.#closing.signal;
    const closed = new Promise<void>((resolve) => closing.addEventListener("abort", () => resolve(), { once: true }));
    if (answer === "hangs") {
      await closed;
      return new Response(null, { status: 503 });
    }
    if (answer === "stalls" || answer === "floods") {
      const chunk = new TextEncoder().encode(answer === "stalls" ? '{"issuer":' : `"${" ".repeat(65_536)}",`);
      const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
        controller.enqueue(chunk);
        if (answer === "stalls") await closed;
        if (closing.aborted) controller.close();
      };
      return new Response(new ReadableStream({ pull }), json);
    }
    return new Response(answer.body, { status: answer.status, headers: answer.headers ?? json.headers });
  }
}
