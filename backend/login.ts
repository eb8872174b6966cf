import { backoffMs } from "../kube/backoff.ts";
import { type Clock, systemClock } from "../kube/clock.ts";
import { ConfigError } from "../kube/errors.ts";
import type { Log } from "../kube/log.ts";
import { OidcError } from "../oidc/errors.ts";
import { openRelyingParty, type RelyingParty } from "../oidc/relying_party.ts";
import type { OidcOptions } from "./login_options.ts";

const MAX_BACKOFF_MS = 15_000;

export interface LoginDeps {
  /** PEM of a private issuer's CA. */
  caData?: string;
  log: Log;
  clock?: Clock;
}

/** Our client at the issuer, which may be reached later than we start. */
export class Login implements Disposable {
  readonly #options: OidcOptions;
  readonly #deps: LoginDeps;
  #caData?: string;
  #isConnecting = false;
  #relyingParty?: RelyingParty;
  #trouble = "not reached yet";

  constructor(options: OidcOptions, deps: LoginDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#caData = deps.caData;
  }

  /** True once logins are possible. */
  get readiness(): true | string {
    return this.#relyingParty ? true : `the identity provider is ${this.#trouble}`;
  }

  /** @throws {OidcError} `issuer_unreachable` before it has been reached */
  get relyingParty(): RelyingParty {
    if (this.#relyingParty) return this.#relyingParty;
    throw new OidcError("issuer_unreachable", "The identity provider has not been reached yet: try again in a minute");
  }

  /**
   * Tries to reach the issuer until that works.
   *
   * @param signal also ends later requests to the issuer
   * @throws {ConfigError} when trying again is pointless
   */
  async connect(signal: AbortSignal): Promise<void> {
    this.#isConnecting = true;
    try {
      const former = this.#relyingParty;
      this.#relyingParty = await this.#reach(signal);
      former?.[Symbol.dispose]();
    } finally {
      this.#isConnecting = false;
    }
  }

  /** Reaches the issuer anew, trusting another CA; what was reached before serves until then. */
  async trust(caData: string, signal: AbortSignal): Promise<void> {
    this.#caData = caData;
    if (!this.#isConnecting) await this.connect(signal);
  }

  async #reach(signal: AbortSignal): Promise<RelyingParty> {
    const { caFile: _, ...options } = this.#options;
    const { log, clock = systemClock } = this.#deps;
    for (let failures = 1;; failures++) {
      try {
        const party = await openRelyingParty({ ...options, caData: this.#caData }, signal);
        log.info("issuer reached", { issuer: party.issuer });
        return party;
      } catch (error) {
        if (signal.aborted || !(error instanceof OidcError)) throw error;
        if (error.code === "configuration") throw new ConfigError(error.message, { cause: error });
        this.#trouble = error.code === "issuer_unreachable" ? "not reachable" : "not answering as it should";
        const afterMs = backoffMs(failures, Math.random, { firstMs: 250, maxMs: MAX_BACKOFF_MS });
        log.warn("waiting for the issuer", { failures, afterMs: Math.round(afterMs), error });
        await clock.sleep(afterMs, signal);
      }
    }
  }

  [Symbol.dispose](): void {
    this.#relyingParty?.[Symbol.dispose]();
  }
}
