/** A version as https://semver.org defines it; build metadata does not count in comparisons and is dropped. */
export interface Version {
  numbers: readonly [major: number, minor: number, patch: number];
  /** `["rc", "1"]` of `1.0.0-rc.1`; empty for a release. */
  prerelease: readonly string[];
}

const PATTERN =
  /^v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?$/;

/** @returns undefined when the text is no version; a leading `v` is fine */
export function parseVersion(text: string): Version | undefined {
  const [, major, minor, patch, prerelease] = PATTERN.exec(text) ?? [];
  if (major === undefined) return undefined;
  return { numbers: [Number(major), Number(minor), Number(patch)], prerelease: prerelease?.split(".") ?? [] };
}

/** Below zero when `a` comes before `b`. */
export function compareVersions(a: Version, b: Version): number {
  for (const position of [0, 1, 2] as const) {
    if (a.numbers[position] !== b.numbers[position]) return a.numbers[position] - b.numbers[position];
  }
  if (a.prerelease.length === 0 || b.prerelease.length === 0) return b.prerelease.length - a.prerelease.length;
  for (let i = 0; i < Math.min(a.prerelease.length, b.prerelease.length); i++) {
    const order = comparePart(a.prerelease[i]!, b.prerelease[i]!);
    if (order !== 0) return order;
  }
  return a.prerelease.length - b.prerelease.length;
}

function comparePart(a: string, b: string): number {
  const [left, right] = [a, b].map((part) => /^\d+$/.test(part) ? Number(part) : NaN) as [number, number];
  if (!Number.isNaN(left) && !Number.isNaN(right)) return left - right;
  if (Number.isNaN(left) !== Number.isNaN(right)) return Number.isNaN(left) ? 1 : -1;
  return a < b ? -1 : a > b ? 1 : 0;
}
