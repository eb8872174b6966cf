/** `5m0s`, `45s`, `500ms`: as Go prints durations, for messages. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`;
  const seconds = Math.round(ms / 1000);
  const parts: [number, string][] = [[Math.floor(seconds / 3600), "h"], [Math.floor(seconds / 60) % 60, "m"]];
  const first = parts.findIndex(([amount]) => amount > 0);
  const shown = first < 0 ? "" : parts.slice(first).map(([amount, unit]) => `${amount}${unit}`).join("");
  return `${shown}${seconds % 60}s`;
}

/** `3s`, `5m`, `2h`, `12d`: how long ago something was, in its largest unit, as kubectl shows it. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 2 * 3600) return `${Math.floor(seconds / 60)}m`;
  return seconds < 2 * 86_400 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
}
