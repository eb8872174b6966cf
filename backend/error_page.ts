import type { ContentfulStatusCode } from "hono/utils/http-status";
import { KubeError } from "../kube/errors.ts";
import { OidcError, type OidcErrorCode } from "../oidc/errors.ts";
import { Refusal } from "./refusal.ts";

/** How a failed request is answered. */
export interface ErrorAnswer {
  status: ContentfulStatusCode;
  title: string;
  /** For the person in the browser; says nothing about the inside of the provider. */
  message: string;
  level: "debug" | "info" | "warn" | "error";
  retryAfterSeconds?: number;
}

const OIDC_STATUS: Record<OidcErrorCode, ContentfulStatusCode> = {
  configuration: 500,
  issuer_unreachable: 503,
  issuer_misbehaved: 502,
  client_rejected: 502,
  login_denied: 403,
  login_failed: 403,
  id_token_invalid: 403,
  code_rejected: 400,
  callback_invalid: 400,
  state_invalid: 400,
  state_expired: 400,
  state_foreign: 400,
  state_replayed: 400,
  session_too_large: 400,
};

/** Which status and words an exception becomes. */
export function explainError(error: unknown, stopping: AbortSignal): ErrorAnswer {
  if (stopping.aborted) {
    return { status: 503, title: "Not ready yet", message: "This provider is restarting. Try again.", level: "info" };
  }
  if (error instanceof Refusal) {
    const { status, title, message, retryAfterSeconds } = error;
    return { status, title, message, level: "debug", retryAfterSeconds };
  }
  if (error instanceof OidcError) {
    const status = OIDC_STATUS[error.code];
    const title = error.code === "login_denied" ? "You are not logged in" : "The login did not work";
    return { status, title, message: `${error.message}.`, level: status >= 500 ? "error" : "info" };
  }
  if (error instanceof KubeError) {
    const isPassing = error.status === 0 || error.status === 429 || error.status >= 500;
    return {
      status: isPassing ? 503 : 502,
      title: "The provider's cluster does not play along",
      message: isPassing
        ? "It does not answer at the moment. Nothing is lost: go back and try again in a minute."
        : "It refused what is needed to bind. Tell whoever runs this provider, with the number of this request.",
      level: isPassing ? "warn" : "error",
      ...(isPassing && { retryAfterSeconds: 30 }),
    };
  }
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return {
      status: 503,
      title: "This takes too long",
      message: "The provider's cluster is slow at the moment. What is done already is not lost: try again in a minute.",
      level: "warn",
      retryAfterSeconds: 30,
    };
  }
  return {
    status: 500,
    title: "Something went wrong",
    message: "This is not your fault. Try again, or tell whoever runs this provider, with the number of this request.",
    level: "error",
  };
}
