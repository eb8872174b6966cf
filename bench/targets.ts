import { type FigureId, type Figures, formatNumber, kindOf } from "./figures.ts";

/** What a figure is held against: a number, another figure of the same konnector, or the best of the peers. */
export type Target =
  & { figure: FigureId }
  & ({ limit: number } | { factor: number; of: FigureId } | { factor: number; of: "peer" });

/** What this konnector, this backend and this command line have set out to reach. */
export const TARGETS: readonly Target[] = [
  { figure: "burst.rate", factor: 0.8, of: "ceiling.pairWithCreate" },
  { figure: "burst.rate", factor: 2.5, of: "peer" },
  { figure: "burst.cpuMs", factor: 0.5, of: "peer" },
  { figure: "status.rate", factor: 2.5, of: "peer" },
  { figure: "backlog.rate", factor: 0.8, of: "ceiling.pair" },
  { figure: "latency.upP50", factor: 0.7, of: "peer" },
  { figure: "latency.upP99", factor: 1, of: "peer" },
  { figure: "latency.downP50", factor: 0.7, of: "peer" },
  { figure: "latency.downP99", factor: 1, of: "peer" },
  { figure: "pairs.editSeconds", limit: 1 },
  { figure: "pairs.settledMiB", limit: 120 },
  { figure: "pairs.peakMiB", limit: 160 },
  { figure: "restart.newObjectSeconds", factor: 0.6, of: "peer" },
  { figure: "restart.cpuSeconds", factor: 0.7, of: "peer" },
  { figure: "restart.writes", limit: 0 },
  { figure: "restart.otherWrites", limit: 0 },
  { figure: "page.p99", limit: 50 },
  { figure: "onboarding.rate", factor: 0.5, of: "ceiling.onboarding" },
  { figure: "contracts.settledMiB", limit: 150 },
  { figure: "contracts.peakMiB", limit: 150 },
  { figure: "contracts.changeSeconds", limit: 10 },
  { figure: "cli.help", limit: 80 },
  { figure: "cli.status", limit: 1000 },
];

/** How one target was reached. */
export interface Verdict {
  figure: FigureId;
  /** E.g. `≥ 80 % of ceiling: pair with create`. */
  target: string;
  /** The figure divided by what it is held against; absent for plain limits. */
  ratio?: number;
  met: boolean;
}

/** Judges what can be judged: without peers nothing is compared with them. */
export function judge(ours: Figures, peers: readonly Figures[], targets: readonly Target[] = TARGETS): Verdict[] {
  return targets.flatMap((target) => judgeOne(target, ours, peers) ?? []);
}

function judgeOne(target: Target, ours: Figures, peers: readonly Figures[]): Verdict | undefined {
  const { figure } = target;
  const { better } = kindOf(figure);
  const own = ours[figure];
  if (!own) return undefined;
  const sign = better === "more" ? "≥" : "≤";
  const holds = (limit: number) => !own.beyond && (better === "more" ? own.value >= limit : own.value <= limit);
  if ("limit" in target) {
    return { figure, target: `${sign} ${formatNumber(target.limit)}`, met: holds(target.limit) };
  }
  const { factor, of } = target;
  const reference = of === "peer" ? bestOf(figure, peers) : ours[of]?.value;
  if (!reference) return undefined;
  return {
    figure,
    target: of === "peer"
      ? `${sign} ${formatNumber(factor)} × best peer`
      : `${sign} ${Math.round(factor * 100)} % of ${kindOf(of).title}`,
    ratio: own.value / reference,
    met: holds(factor * reference),
  };
}

/** The value of the best peer; undefined when no peer has one. */
export function bestOf(figure: FigureId, peers: readonly Figures[]): number | undefined {
  const values = peers.flatMap((peer) => peer[figure]?.value ?? []);
  if (values.length === 0) return undefined;
  return kindOf(figure).better === "more" ? Math.max(...values) : Math.min(...values);
}
