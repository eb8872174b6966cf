import type { ControlPlane } from "../playground/control_plane.ts";
import { addCounters, parseCounters, type ServerCounters } from "./request_counts.ts";

/** Reads an API server's own metrics. @throws {Error} when it does not give them */
async function readCounters({ name, server, caData, config }: ControlPlane, signal: AbortSignal) {
  const { headers } = await config.credentials(false, signal);
  using http = Deno.createHttpClient({ caCerts: [caData], http2: false });
  const response = await fetch(`${server}/metrics`, { client: http, headers, signal });
  const text = await response.text();
  if (!response.ok) throw new Error(`Cannot read the metrics of the ${name}: ${response.status} ${text}`);
  return parseCounters(text);
}

/** The counters of both API servers, added up. */
export async function readAllCounters(planes: readonly ControlPlane[], signal: AbortSignal): Promise<ServerCounters> {
  return addCounters(await Promise.all(planes.map((plane) => readCounters(plane, signal))));
}
