/** The `Status` object an API server answers failures with; only the parts we read. */
export interface Status {
  kind?: string;
  code?: number;
  reason?: string;
  message?: string;
  details?: { retryAfterSeconds?: number; causes?: { reason?: string; message?: string; field?: string }[] };
}

export interface KubeErrorOptions {
  /** HTTP status; 0 when no answer came. */
  status: number;
  /** Machine-readable word of the API server, e.g. `AlreadyExists`; `""` when it gave none. */
  reason?: string;
  retryAfterMs?: number;
  cause?: unknown;
}

/** A request to an API server that failed, or got no answer (`status` 0). */
export class KubeError extends Error {
  override readonly name = "KubeError";
  readonly status: number;
  readonly reason: string;
  /** How long the server asked to wait before the next try. */
  readonly retryAfterMs?: number;

  constructor(message: string, { status, reason = "", retryAfterMs, cause }: KubeErrorOptions) {
    super(message, { cause });
    this.status = status;
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Trying again is pointless until somebody changes something. */
export class TerminalError extends Error {
  override readonly name = "TerminalError";
}

/** The configuration is wrong in a way that only its author can mend; `main.ts` prints it without a stack. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

const hasStatus = (error: unknown, status: number): error is KubeError =>
  error instanceof KubeError && error.status === status;

/** There is no such object. A 404 without that reason means that the resource itself is not served. */
export const isNotFound = (error: unknown): boolean => hasStatus(error, 404) && error.reason === "NotFound";
/** The API server has no such resource: its CRD is missing, or not established yet. */
export const isNotServed = (error: unknown): boolean => hasStatus(error, 404) && error.reason !== "NotFound";
export const isForbidden = (error: unknown): boolean => hasStatus(error, 403);
export const isUnauthorized = (error: unknown): boolean => hasStatus(error, 401);
export const isInvalid = (error: unknown): boolean => hasStatus(error, 422);
/** The request was understood, and will be answered alike until somebody changes something. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof KubeError && [400, 403, 405, 413, 422].includes(error.status);
export const isTooManyRequests = (error: unknown): boolean => hasStatus(error, 429);
/** The resource version asked for is no longer kept: list again. */
export const isGone = (error: unknown): boolean => hasStatus(error, 410);
export const isAlreadyExists = (error: unknown): boolean =>
  error instanceof KubeError && error.status === 409 && error.reason === "AlreadyExists";
/** A precondition (uid, resourceVersion) did not hold, or another writer was faster. */
export const isConflict = (error: unknown): boolean =>
  error instanceof KubeError && error.status === 409 && error.reason !== "AlreadyExists";
/** No answer: refused, reset, timed out, or the certificate did not verify. */
export const isUnreachable = (error: unknown): boolean => hasStatus(error, 0);
/** The server, or a proxy in front of it, is not able to answer: that says nothing about the request. */
export const isOutage = (error: unknown): boolean => error instanceof KubeError && error.status >= 500;

/** Either of them: the server has to come back first. */
export const isAway = (error: unknown): boolean => isUnreachable(error) || isOutage(error);

/** The server fell silent in the middle of an answer. */
export const isSilence = (error: unknown): boolean =>
  isUnreachable(error) && error instanceof Error && error.cause instanceof DOMException &&
  error.cause.name === "TimeoutError";

/** A word for metrics; their labels must not take every message there is. */
export const reasonOf = (error: unknown): string =>
  error instanceof KubeError ? error.reason || "Unreachable" : error instanceof Error ? error.name : "Error";

/** The message of anything thrown, with its causes: what a log line or a condition can show. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : messageOf(error.cause);
  return cause && !error.message.includes(cause) ? `${error.message}: ${cause}` : error.message;
}
