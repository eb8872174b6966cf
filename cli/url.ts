import { UsageError } from "../program.ts";
import { printable } from "../printable.ts";

/** @throws {UsageError} when `text` is no http or https URL */
export function parseHttpUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new UsageError(`invalid URL '${printable(text)}': it has to look like https://HOST/export`);
  }
  if (url.username || url.password) {
    throw new UsageError("invalid URL: leave out user name and password; the login happens in the browser");
  }
  return url;
}
