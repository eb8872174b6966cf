/** CPU time a process has used, its children not counted. */
export interface CpuTimes {
  userSeconds: number;
  systemSeconds: number;
}

/** Memory of a process in MiB. */
export interface Memory {
  /** All that is in RAM (`VmRSS`). */
  residentMiB: number;
  /** The most there ever was (`VmHWM`). */
  peakMiB: number;
  /** The part that is not a file's, and so cannot be read again (`RssAnon`). */
  anonymousMiB: number;
}

/** `sysconf(_SC_CLK_TCK)`: 100 on every Linux that programs run on, whatever the kernel's own clock. */
const TICKS_PER_SECOND = 100;

/**
 * Reads `/proc/<pid>/stat`.
 *
 * @throws {SyntaxError}
 * @see proc_pid_stat(5): utime and stime are fields 14 and 15, and the name in field 2 may hold spaces and parentheses
 */
export function parseCpuTimes(stat: string): CpuTimes {
  const fields = stat.slice(stat.lastIndexOf(")") + 1).trim().split(/\s+/); // from field 3 on
  const [user, system] = [Number(fields[11]), Number(fields[12])];
  if (!Number.isInteger(user) || !Number.isInteger(system)) {
    throw new SyntaxError(`Cannot read CPU times of a process: "${stat.trim()}" is not a line of /proc/<pid>/stat`);
  }
  return { userSeconds: user / TICKS_PER_SECOND, systemSeconds: system / TICKS_PER_SECOND };
}

/**
 * Reads `/proc/<pid>/status`.
 *
 * @throws {SyntaxError} also for a process that has ended, which has no memory
 */
export function parseMemory(status: string): Memory {
  const read = (field: string) => {
    const kibibytes = new RegExp(`^${field}:\\s*(\\d+) kB$`, "m").exec(status)?.[1];
    if (kibibytes === undefined) throw new SyntaxError(`Cannot read memory of a process: its status has no ${field}`);
    return Number(kibibytes) / 1024;
  };
  return { residentMiB: read("VmRSS"), peakMiB: read("VmHWM"), anonymousMiB: read("RssAnon") };
}

/** What a running process has used so far. */
export interface Usage extends Memory {
  cpuSeconds: number;
}

/** Linux only. @throws {Deno.errors.NotFound} when there is no such process */
export async function usageOf(pid: number): Promise<Usage> {
  const [stat, status] = await Promise.all([
    Deno.readTextFile(`/proc/${pid}/stat`),
    Deno.readTextFile(`/proc/${pid}/status`),
  ]);
  const { userSeconds, systemSeconds } = parseCpuTimes(stat);
  return { cpuSeconds: userSeconds + systemSeconds, ...parseMemory(status) };
}
