import type { ContentfulStatusCode } from "hono/utils/http-status";

/** A request that we understand and do not grant; title and message are shown to the person who made it. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: ContentfulStatusCode;
  readonly title: string;
  readonly retryAfterSeconds?: number;

  constructor(
    status: ContentfulStatusCode,
    title: string,
    message: string,
    options: { cause?: unknown; retryAfterSeconds?: number } = {},
  ) {
    super(message, { cause: options.cause });
    this.status = status;
    this.title = title;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}
