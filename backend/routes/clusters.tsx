import type { Context } from "hono";
import type { AppDeps, AppEnv } from "../app.ts";
import { ClusterList, ClustersPage } from "../pages/clusters.tsx";
import { Refusal } from "../refusal.ts";
import { visitorOf } from "../visitor.ts";

/** The page with a person's app clusters. */
export const clustersRoute = (deps: AppDeps) => async (c: Context<AppEnv>) => {
  const { session: { subject, clusterId }, visitor } = await visitorOf(c, deps);
  const clusters = deps.myClusters.of(subject);
  return c.html(<ClustersPage {...{ visitor, clusters, clusterId }} prettyName={deps.prettyName} />);
};

/** Several changes at once are told once. */
const PAUSE_MS = 200;
/** Keeps the connection from looking dead. */
const REMINDER_MS = 25_000;
const MOST_STREAMS = 500;

/** The same list again whenever it changes, as server-sent events of HTML in JSON; ends with the session. */
export const clusterEventsRoute = (deps: AppDeps) => {
  let streams = 0;
  return async (c: Context<AppEnv>) => {
    const { session: { subject, clusterId, expiresAt } } = await visitorOf(c, deps);
    if (streams >= MOST_STREAMS) {
      throw new Refusal(503, "Too many watch", "Reload the page to see what is new.", { retryAfterSeconds: 60 });
    }
    const leftMs = expiresAt.getTime() - deps.now().getTime();
    const ended = new AbortController();
    const signal = AbortSignal.any([deps.stopping, ended.signal, AbortSignal.timeout(leftMs)]);
    const encoder = new TextEncoder();
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        let pause: ReturnType<typeof setTimeout> | undefined;
        let told = "";
        const write = (text: string) => controller.enqueue(encoder.encode(text));
        const tell = () => {
          pause = undefined;
          const html = (<ClusterList clusters={deps.myClusters.of(subject)} clusterId={clusterId} />).toString();
          if (html !== told) write(`data: ${JSON.stringify(told = html)}\n\n`);
        };
        const reminder = setInterval(() => write(": still here\n\n"), REMINDER_MS);
        streams++;
        signal.addEventListener("abort", () => {
          streams--;
          clearTimeout(pause);
          clearInterval(reminder);
          if (!ended.signal.aborted) controller.close();
        }, { once: true });
        deps.myClusters.watch(subject, () => pause ??= setTimeout(tell, PAUSE_MS), signal);
        tell();
      },
      cancel: () => ended.abort(),
    });
    return c.body(body, 200, { "content-type": "text/event-stream" });
  };
};
