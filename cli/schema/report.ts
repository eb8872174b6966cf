import { type Change, type Verdict, verdictOf } from "../../crds/compatibility/change.ts";
import type { Impact } from "../../crds/compatibility/impact.ts";

/** What became of one API. */
export interface ApiReport {
  /** `<plural>.<group>` */
  api: string;
  verdict: Verdict;
  changes: Change[];
  /** On stored objects, tenant by tenant; absent where nobody looked. */
  impact?: Impact[];
}

export interface Report {
  verdict: Verdict;
  apis: ApiReport[];
}

export const toReport = (apis: readonly Omit<ApiReport, "verdict">[]): Report => ({
  verdict: verdictOf(apis.flatMap(({ changes }) => changes)),
  apis: apis.map((one) => ({ ...one, verdict: verdictOf(one.changes) })),
});

/** `v1 spec.size`, or `-` for the API as a whole. */
export const placeOf = ({ version, path }: Change): string => [version, path].filter(Boolean).join(" ") || "-";

/** `shop/orders (spec.size)`, for some of the objects that no longer fit; `""` when all do. */
export const samplesOf = ({ samples }: Impact): string =>
  samples.map(({ object, paths }) => `${object} (${paths.join(", ") || "as a whole"})`).join("; ");
