import assert from "node:assert/strict";
import { parseCpuTimes, parseMemory, usageOf } from "./proc.ts";

const STAT = "4711 (klutch) S 1 4711 4711 0 -1 4194560 60130 0 12 0 1234 56 0 0 20 0 12 0 8812 1234567 4242 " +
  "18446744073709551615 1 1 0 0 0 0 0 4096 17583 0 0 0 17 1 0 0 0 0 0\n";

const STATUS = `Name:	klutch
Umask:	0022
State:	S (sleeping)
VmPeak:	 9000000 kB
VmSize:	 8900000 kB
VmHWM:	  102400 kB
VmRSS:	   51200 kB
RssAnon:	   25600 kB
RssFile:	   25600 kB
Threads:	12
`;

Deno.test("parseCpuTimes() reads user and system time", () => {
  assert.deepEqual(parseCpuTimes(STAT), { userSeconds: 12.34, systemSeconds: 0.56 });
});

Deno.test("parseCpuTimes() is not taken in by the name of a program", () => {
  const tricky = STAT.replace("(klutch)", "(a) b (1 2 3)");
  assert.deepEqual(parseCpuTimes(tricky), { userSeconds: 12.34, systemSeconds: 0.56 });
});

Deno.test("parseCpuTimes() refuses what is no such line", () => {
  assert.throws(() => parseCpuTimes(""), SyntaxError);
  assert.throws(() => parseCpuTimes("4711 (klutch) S 1"), SyntaxError);
});

Deno.test("parseMemory() reads what is resident, the peak, and the anonymous part", () => {
  assert.deepEqual(parseMemory(STATUS), { residentMiB: 50, peakMiB: 100, anonymousMiB: 25 });
});

Deno.test("parseMemory() refuses the status of a process that has ended", () => {
  assert.throws(() => parseMemory("Name:	klutch\nState:	Z (zombie)\n"), /no VmRSS/);
});

Deno.test("usageOf() measures this very process", { ignore: Deno.build.os !== "linux" }, async () => {
  const before = await usageOf(Deno.pid);
  const end = performance.now() + 60;
  while (performance.now() < end); // some CPU time
  const after = await usageOf(Deno.pid);
  assert.ok(after.cpuSeconds > before.cpuSeconds);
  assert.ok(after.peakMiB >= after.residentMiB && after.residentMiB > 10);
});
