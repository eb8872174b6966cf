import type { Context } from "hono";
import { Slots } from "../../kube/slots.ts";
import type { AppDeps, AppEnv } from "../app.ts";
import { eventStream } from "../event_stream.ts";
import { ClusterList, ClustersPage } from "../pages/clusters.tsx";
import { Refusal } from "../refusal.ts";
import { visitorOf } from "../visitor.ts";

/** The page with a person's app clusters. */
export const clustersRoute = (deps: AppDeps) => async (c: Context<AppEnv>) => {
  const { session: { subject, clusterId }, visitor } = await visitorOf(c, deps);
  const clusters = deps.myClusters.of(subject);
  return c.html(<ClustersPage {...{ visitor, clusters, clusterId }} prettyName={deps.prettyName} />);
};

/** Of events: at the same time, and for one person. */
const STREAMS = { most: 500, mostEach: 10 };

/** The same list again whenever it changes, as server-sent events of HTML in JSON; ends with the session. */
export const clusterEventsRoute = (deps: AppDeps) => {
  const { myClusters, stopping, now } = deps;
  const streams = new Slots(STREAMS);
  return async (c: Context<AppEnv>) => {
    const { session: { subject, clusterId, expiresAt } } = await visitorOf(c, deps);
    const giveBack = streams.take(subject);
    if (!giveBack) {
      throw new Refusal(503, "Too many watch", "Reload the page to see what is new.", { retryAfterSeconds: 60 });
    }
    const body = eventStream(
      {
        render: () => (<ClusterList clusters={myClusters.of(subject)} clusterId={clusterId} />).toString(),
        watch: (onChange, signal) => myClusters.watch(subject, onChange, signal),
      },
      giveBack,
      AbortSignal.any([stopping, AbortSignal.timeout(expiresAt.getTime() - now().getTime())]),
    );
    return c.body(body, 200, { "content-type": "text/event-stream" });
  };
};
