import type { MyCluster } from "../my_clusters.ts";
import { Frame, type Visitor } from "./frame.tsx";

export interface ClustersPageProps {
  prettyName: string;
  visitor: Visitor;
  clusters: MyCluster[];
  /** The app cluster that the command line of this session is for. */
  clusterId: string;
}

/** A person's app clusters, what is bound there and how it fares; live where scripts run. */
export const ClustersPage = ({ prettyName, visitor, clusters, clusterId }: ClustersPageProps) => (
  <Frame title="My clusters" prettyName={prettyName} visitor={visitor} here="clusters">
    <h1>My clusters</h1>
    <p class="lead">App clusters that you have bound to this provider, and when each konnector last reported.</p>
    <section id="clusters" aria-live="polite" data-events={`/clusters/events?${visitor.query}`}>
      <ClusterList clusters={clusters} clusterId={clusterId} />
    </section>
    <h2>What to do next</h2>
    <div class="panel">
      <ul>
        <li>
          Wait until the command line says that the binding is Ready; <code>kubectl klutch status</code>{" "}
          tells it later, too.
        </li>
        <li>
          See what an API takes: <code>kubectl explain</code> and its name, or its page in the{" "}
          <a href={`/resources?${visitor.query}`}>catalogue</a>, which has an example.
        </li>
        <li>
          Create an object with <code>kubectl apply</code>. What the provider reports appears in its{" "}
          <code>status</code>.
        </li>
      </ul>
    </div>
  </Frame>
);

export interface ClusterListProps {
  clusters: MyCluster[];
  clusterId: string;
}

/** The part of the page that changes. */
export const ClusterList = ({ clusters, clusterId }: ClusterListProps) =>
  clusters.length === 0 ? <p class="panel message">Nothing is bound yet. Choose something from the catalogue.</p> : (
    <>
      {clusters.map((cluster) => (
        <Cluster key={cluster.namespace} cluster={cluster} isCurrent={cluster.clusterId === clusterId} />
      ))}
    </>
  );

const Cluster = ({ cluster, isCurrent }: { cluster: MyCluster; isCurrent: boolean }) => {
  const { clusterId, namespace, lastHeartbeat, konnectorVersion, apis } = cluster;
  const state = stateOf(cluster);
  return (
    <article class="panel cluster">
      <header>
        <h2>{clusterId}</h2>
        <span class={`state ${state.tone}`}>{state.text}</span>
        {isCurrent && <span class="quiet">the one you are binding now</span>}
      </header>
      {state.why && <p class="quiet">{state.why}</p>}
      <dl>
        <dt>Last report</dt>
        <dd>{lastHeartbeat ? <time datetime={lastHeartbeat}>{lastHeartbeat}</time> : "none yet"}</dd>
        <dt>Konnector</dt>
        <dd>{konnectorVersion ?? "unknown"}</dd>
        <dt>Namespace at the provider</dt>
        <dd>
          <code>{namespace}</code>
        </dd>
        <dt>Bound</dt>
        <dd>
          {apis.length === 0 ? "nothing yet" : (
            <ul>
              {apis.map(({ name, schema }) => (
                <li key={name}>
                  <code>{name}</code>
                  {schema && (
                    <p class="quiet">
                      <span class={`state ${schema.isRefused ? "bad" : "wait"}`}>
                        {schema.isRefused ? "This cluster refuses its schema" : "A change waits"}
                      </span>{" "}
                      {schema.why}
                    </p>
                  )}
                </li>
              ))}
            </ul>
          )}
        </dd>
      </dl>
    </article>
  );
};

function stateOf({ healthy }: MyCluster): { tone: "good" | "bad" | "wait"; text: string; why?: string } {
  if (healthy?.status === "True") return { tone: "good", text: "Connected" };
  if (!healthy || healthy.severity === "Info") {
    return { tone: "wait", text: "Waiting for the konnector", why: healthy?.message };
  }
  return { tone: "bad", text: "Not connected", why: healthy.message };
}
