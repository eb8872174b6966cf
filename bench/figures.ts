/** How one figure is shown. */
export interface FigureKind {
  title: string;
  /** Appended to the number. */
  unit: "/s" | "ms" | "s" | "MiB" | "";
  better: "more" | "less";
}

const perSecond = (title: string): FigureKind => ({ title, unit: "/s", better: "more" });
const less = (unit: FigureKind["unit"], title: string): FigureKind => ({ title, unit, better: "less" });

/** All that a run can measure, in the order of the table. */
export const FIGURES = {
  "ceiling.pairWithCreate": perSecond("ceiling: pair with create"),
  "ceiling.serverCpuMs": less("ms", "ceiling: API servers' CPU per pair with create"),
  "burst.rate": perSecond("burst, consumer → provider"),
  "burst.cpuMs": less("ms", "burst: CPU per object"),
  "burst.serverCpuMs": less("ms", "burst: API servers' CPU per object"),
  "burst.cutWatches": less("", "burst: watches cut by API servers, their client being too slow"),
  "ceiling.statusPair": perSecond("ceiling: status on both sides"),
  "status.rate": perSecond("status burst, provider → consumer"),
  "status.cpuMs": less("ms", "status burst: CPU per object"),
  "ceiling.pair": perSecond("ceiling: pair"),
  "backlog.rate": perSecond("backlog, from its first object to its last"),
  "backlog.seconds": less("s", "backlog, from the konnector's start"),
  "ceiling.upP50": less("ms", "floor: the same writes by a plain client, up, p50"),
  "ceiling.downP50": less("ms", "floor: the same write by a plain client, down, p50"),
  "latency.upP50": less("ms", "idle latency up, p50"),
  "latency.upP99": less("ms", "idle latency up, p99"),
  "latency.downP50": less("ms", "idle latency down, p50"),
  "latency.downP99": less("ms", "idle latency down, p99"),
  "pairs.editSeconds": less("s", "a user's edit during the backlog of pairs"),
  "pairs.settledMiB": less("MiB", "pairs: resident memory, settled"),
  "pairs.anonymousMiB": less("MiB", "pairs: of that, not backed by files"),
  "pairs.peakMiB": less("MiB", "pairs: resident memory, peak"),
  "idle.requests": less("", "pairs: requests in a minute of idling"),
  "idle.cpuMs": less("ms", "pairs: CPU in a minute of idling"),
  "restart.newObjectSeconds": less("s", "settled restart: new object up after"),
  "restart.cpuSeconds": less("s", "settled restart: CPU until quiet"),
  "restart.writes": less("", "settled restart: writes of the bound API"),
  "restart.otherWrites": less("", "settled restart: other writes, but for the Lease"),
  "restart.settledMiB": less("MiB", "settled restart: resident memory"),
  "restart.peakMiB": less("MiB", "settled restart: resident memory, peak"),
  "page.rate": perSecond("catalogue page"),
  "page.p50": less("ms", "catalogue page, p50"),
  "page.p99": less("ms", "catalogue page, p99"),
  "page.cpuMs": less("ms", "catalogue page: CPU per request"),
  "ceiling.onboarding": perSecond("ceiling: the writes of an onboarding"),
  "ceiling.onboardingWrites": less("", "ceiling: writes per app cluster, with Kubernetes' own"),
  "onboarding.rate": perSecond("onboarding of app clusters"),
  "onboarding.writes": less("", "onboarding: writes per app cluster, with Kubernetes' own"),
  "onboarding.cpuMs": less("ms", "onboarding: CPU per app cluster"),
  "contracts.makingPeakMiB": less("MiB", "contracts: resident memory while they are made, peak"),
  "contracts.settledMiB": less("MiB", "contracts: resident memory after a restart, settled"),
  "contracts.peakMiB": less("MiB", "contracts: resident memory after a restart, peak"),
  "contracts.changeSeconds": less("s", "contracts: a changed CRD is in all exports after"),
  "cli.help": less("ms", "klutch --help, p50"),
  "cli.status": less("ms", "klutch status, p50"),
} satisfies Record<string, FigureKind>;

export type FigureId = keyof typeof FIGURES;

export const FIGURE_IDS = Object.keys(FIGURES) as FigureId[];

export const kindOf = (id: FigureId): FigureKind => FIGURES[id];

export interface Figure {
  value: number;
  /** We stopped waiting: the real value is worse. */
  beyond?: true;
  /** What a reader has to know to judge the value. */
  note?: string;
}

/** What one konnector reached; figures that were not asked for are absent. */
export type Figures = Partial<Record<FigureId, Figure>>;

/** What a figure probably was at the time between two measurements of it. */
export const between = (before: Figure, after: Figure): Figure => ({
  ...before,
  ...after,
  value: (before.value + after.value) / 2,
});

/** `0.61 s`, `> 60 s`: three digits are as many as such measurements have. */
export function formatFigure(id: FigureId, { value, beyond }: Figure): string {
  const { unit, better } = kindOf(id);
  const sign = beyond ? (better === "less" ? "> " : "< ") : "";
  return `${sign}${formatNumber(value)}${unit && ` ${unit}`}`;
}

/** A line for each of them. */
export function tellFigures(figures: Figures, say: (line: string) => void): void {
  for (const [id, figure] of Object.entries(figures) as [FigureId, Figures[FigureId]][]) {
    if (figure) say(`  ${kindOf(id).title}: ${formatFigure(id, figure)}${figure.note ? ` (${figure.note})` : ""}`);
  }
}

export function formatNumber(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 100) return value.toFixed(0);
  return Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2);
}
