import { ConfigError } from "./errors.ts";

/** One cluster, user or context of a kubeconfig; what it complains about begins with what is being read. */
export class KubeconfigEntry {
  readonly fields: Readonly<Record<string, unknown>>;
  /** For messages, e.g. `kubeconfig "/home/me/.kube/config": user "admin"`. */
  readonly described: string;

  constructor(fields: Readonly<Record<string, unknown>>, described: string) {
    this.fields = fields;
    this.described = described;
  }

  /** Never quotes a value: it may be a credential. */
  refuse(why: string, options?: ErrorOptions): ConfigError {
    return new ConfigError(`Cannot use ${this.described}: ${why}`, options);
  }

  /** @returns undefined for what is absent, null or empty */
  text(name: string): string | undefined {
    const value = this.fields[name];
    if (value === undefined || value === null || value === "") return undefined;
    if (typeof value !== "string") throw this.refuse(`"${name}" is not a string`);
    // These become header values, host names and paths: a line break would be a try to smuggle something in.
    // deno-lint-ignore no-control-regex
    if (/[\x00-\x1f\x7f]/.test(value)) throw this.refuse(`"${name}" contains control characters`);
    return value;
  }

  /** A text that can stand in an HTTP header. */
  headerText(name: string): string | undefined {
    const value = this.text(name);
    if (value !== undefined) checkHeaderText(value, `"${name}"`, this);
    return value;
  }

  /** PEM inside base64. */
  pem(name: string): string | undefined {
    const base64 = this.text(name);
    if (base64 === undefined) return undefined;
    let text: string;
    try {
      text = atob(base64);
    } catch {
      throw this.refuse(`"${name}" is not base64`);
    }
    if (!text.includes("-----BEGIN ")) throw this.refuse(`"${name}" is not PEM inside base64`);
    return text;
  }
}

/** @throws {ConfigError} that does not quote the value */
export function checkHeaderText(value: string, what: string, entry: Pick<KubeconfigEntry, "refuse">): void {
  if (!/^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(value)) {
    throw entry.refuse(`${what} contains characters that no HTTP header can carry`);
  }
}

export const isFields = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
