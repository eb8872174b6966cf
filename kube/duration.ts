const UNIT_MS: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  "µs": 1e-3,
  "μs": 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * Milliseconds of a duration as Go prints it, e.g. `5m0s` or `1.5h`.
 *
 * @returns undefined for text that is no duration
 * @see https://pkg.go.dev/time#ParseDuration
 */
export function parseGoDuration(text: string): number | undefined {
  const [, sign, parts] = /^([-+]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/.exec(text) ?? [];
  if (parts === undefined) return text === "0" ? 0 : undefined;
  let totalMs = 0;
  for (const [, number, unit] of parts.matchAll(/([\d.]+)([^\d.]+)/g)) totalMs += Number(number) * UNIT_MS[unit!]!;
  return sign === "-" ? -totalMs : totalMs;
}
