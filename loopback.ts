const PROXIES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];
const LOOPBACK = ["localhost", "127.0.0.1", "::1"];

/**
 * Keeps proxies out of the way to this machine itself, as Go and with it kubectl do: no proxy can reach what listens
 * here. Has to come before the first request.
 */
export function reachLoopbackDirectly(env: Pick<Deno.Env, "get" | "set">): void {
  const lower = PROXIES.map((name) => name.toLowerCase());
  if (![...PROXIES, ...lower].some((name) => env.get(name))) return;
  const name = env.get("NO_PROXY") === undefined && env.get("no_proxy") !== undefined ? "no_proxy" : "NO_PROXY";
  const known = (env.get(name) ?? "").split(",").map((entry) => entry.trim()).filter(Boolean);
  env.set(name, [...new Set([...known, ...LOOPBACK])].join(","));
}
