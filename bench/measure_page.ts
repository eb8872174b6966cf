import type { BackendStage } from "./backend_stage.ts";
import type { Figures } from "./figures.ts";
import { runHttpLoad } from "./http_load.ts";
import { offer, serviceCrds } from "./offered_apis.ts";
import { percentile } from "./statistics.ts";
import { logIn, offersOf } from "./visit.ts";

/** The catalogue page for a person who has logged in, on many connections at once; a tenth of it warms up. */
export async function measurePage(stage: BackendStage): Promise<Figures> {
  const { admin, options: { templates, connections, requests }, signal } = stage;
  await stage.each(serviceCrds(templates), (crd, signal) => offer(admin, crd, signal));
  await using backend = await stage.launch();
  const { page, cookie } = await logIn(backend.address, "page", signal);
  const shown = offersOf(page).length;
  if (shown !== templates) throw new Error(`The page shows ${shown} of ${templates} APIs on offer`);
  stage.say(`  ${shown} APIs on a page of ${Math.round(page.html.length / 1024)} KiB`);
  const load = { url: page.url, headers: { cookie, accept: "text/html" }, connections };
  await runHttpLoad({ ...load, requests: Math.ceil(requests / 10) }, signal);
  await stage.untilQuiet(backend.process);

  const before = await backend.process.usage();
  const startMs = performance.now();
  const timesMs = await runHttpLoad({ ...load, requests }, signal);
  const seconds = (performance.now() - startMs) / 1000;
  const after = await backend.process.usage();
  return {
    "page.rate": { value: requests / seconds },
    "page.p50": { value: percentile(timesMs, 50) },
    "page.p99": { value: percentile(timesMs, 99) },
    "page.cpuMs": { value: (after.cpuSeconds - before.cpuSeconds) * 1000 / requests },
  };
}
