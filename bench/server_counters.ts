import type { ControlPlane } from "../playground/control_plane.ts";
import { merge, parseCounters, type ServerCounters } from "./request_counts.ts";

/** Reads an API server's own metrics. @throws {Error} when it does not give them */
export async function readCounters({ name, server, caData, config }: ControlPlane, signal: AbortSignal) {
  const { headers } = await config.credentials(false, signal);
  using http = Deno.createHttpClient({ caCerts: [caData], http2: false });
  const response = await fetch(`${server}/metrics`, { client: http, headers, signal });
  const text = await response.text();
  if (!response.ok) throw new Error(`Cannot read the metrics of the ${name}: ${response.status} ${text}`);
  return parseCounters(text);
}

/** Both API servers' counters added up. */
export async function readAllCounters(planes: readonly ControlPlane[], signal: AbortSignal): Promise<ServerCounters> {
  const all = await Promise.all(planes.map((plane) => readCounters(plane, signal)));
  return {
    requests: merge(all.flatMap(({ requests }) => requests)),
    cpuSeconds: all.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
  };
}
