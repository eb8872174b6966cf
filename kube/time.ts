/** `2026-01-01T00:00:00Z`, as timestamps and conditions hold it: UTC, cut to whole seconds. */
export const formatTime = (time: Date): string => time.toISOString().replace(/\.\d{3}Z$/, "Z");

/** `2026-01-01T00:00:00.123000Z`, as Leases hold it; Go's parser wants these six digits. */
export const formatMicroTime = (time: Date): string => time.toISOString().replace(/Z$/, "000Z");
