import { KubeError, messageOf, type Status } from "./errors.ts";
import { parseJson } from "./json.ts";
import { withoutValues } from "./redact.ts";
import { shortened } from "./shortened.ts";
import type { HttpAnswer } from "./transport.ts";

/** Asked to wait by the server longer than this, we try again earlier. */
const MAX_WAIT_SECONDS = 60;

/** @throws {KubeError} with status 0 when the answer breaks off */
export async function readText(answer: HttpAnswer, signal: AbortSignal): Promise<string> {
  const { body, headers } = answer.response;
  try {
    if (!body || Number(headers.get("content-length") ?? Infinity) < 65_536) return await answer.response.text();
    const reader = body.getReader();
    const decoder = new TextDecoder();
    let text = "";
    for (let part; !(part = await reader.read()).done;) {
      answer.extend(); // a long list over a slow line takes its time
      text += decoder.decode(part.value, { stream: true });
    }
    return text + decoder.decode();
  } catch (cause) {
    throw brokenOff(cause, signal);
  }
}

/**
 * @returns undefined at the end
 * @throws {KubeError} with status 0 when the answer breaks off
 */
export async function nextLine(lines: AsyncIterator<string>, signal: AbortSignal): Promise<string | undefined> {
  try {
    const { done, value } = await lines.next();
    return done ? undefined : value;
  } catch (cause) {
    throw brokenOff(cause, signal);
  }
}

function brokenOff(cause: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  return new KubeError(`the answer broke off: ${messageOf(cause)}`, { status: 0, cause });
}

/** @throws {KubeError} with status 0 when it is not JSON */
export function parseAnswer<T>(text: string): T {
  try {
    return parseJson<T>(text);
  } catch {
    // Anything but HTML may be a part of an object, and that object a Secret.
    const what = /^\s*</.test(text) ? ` but ${excerpt(text)}` : "";
    throw new KubeError(`the answer is not JSON${what}; is this an API server?`, { status: 0 });
  }
}

/** What a failed answer says. Most come as a `Status`; a proxy in between may answer anything. */
export function toKubeError(response: Response, text: string): KubeError {
  let status: Status = {};
  try {
    status = JSON.parse(text) ?? {};
  } catch {
    // not a Status
  }
  const message = typeof status.message === "string" ? withoutValues(status.message) : describeAnswer(response, text);
  return new KubeError(message, {
    status: response.status,
    reason: typeof status.reason === "string" ? status.reason : response.statusText,
    retryAfterMs: retryAfterMs(response, status),
  });
}

function describeAnswer(response: Response, text: string): string {
  const location = response.headers.get("location");
  if (location && response.status >= 300 && response.status < 400) {
    return `it redirects to ${location}, which is not followed; is this an API server?`;
  }
  if (response.status === 404) return "the server does not serve this";
  return text ? `it answered ${excerpt(text)}` : "it gave no reason";
}

/** The beginning of a text that nobody expected, on one line. */
function excerpt(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return JSON.stringify(shortened(line));
}

function retryAfterMs(response: Response, status: Status): number | undefined {
  if (response.status !== 429 && response.status < 500) return undefined;
  const header = response.headers.get("retry-after");
  const seconds = header ? Number(header) : status.details?.retryAfterSeconds;
  return Number.isFinite(seconds) ? Math.min(Math.max(Number(seconds), 0), MAX_WAIT_SECONDS) * 1000 : undefined;
}
