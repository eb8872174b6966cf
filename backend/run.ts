import type { BlockList } from "node:net";
import { APIServiceBinding } from "../crds/api_service_binding.ts";
import { APIServiceExport } from "../crds/api_service_export.ts";
import { APIServiceExportRequest } from "../crds/api_service_export_request.ts";
import { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import { APIServiceNamespace } from "../crds/api_service_namespace.ts";
import { AppClusterBinding } from "../crds/app_cluster_binding.ts";
import { ClusterBinding } from "../crds/cluster_binding.ts";
import { installCrds } from "../crds/install.ts";
import { collectWhenIdle } from "../idle_memory.ts";
import { formatListenAddress } from "../kube/address.ts";
import { KubeClient } from "../kube/client.ts";
import { serveHealth } from "../kube/health.ts";
import { type HttpServer, type HttpServerOptions, serveHttp } from "../kube/http_server.ts";
import { type ConnectionLimits, type HttpsServerOptions, serveHttps } from "../kube/https_server.ts";
import { loadKubeconfig } from "../kube/kubeconfig.ts";
import { Leadership } from "../kube/leadership.ts";
import { runAsLeader } from "../kube/lease.ts";
import type { Log } from "../kube/log.ts";
import { createMetrics, type MetricsRegistry } from "../kube/metrics.ts";
import { createRecorder } from "../kube/recorder.ts";
import { CLUSTER_ROLES, type Role } from "../kube/resources.ts";
import { Slots } from "../kube/slots.ts";
import { fired, runTasks, TaskGroup } from "../kube/tasks.ts";
import { untilReachable } from "../kube/until_reachable.ts";
import { startAppClusters } from "./app_clusters.ts";
import { openAudit } from "./audit.ts";
import { Census } from "./census.ts";
import { connectionOwner } from "./client_address.ts";
import { type ControllersDeps, startControllers } from "./controllers.ts";
import { ensureRole } from "./ensure.ts";
import { impactReadings, schemaReadings } from "./export_template_plan.ts";
import { followAuthority, readAuthority, readExternalAccess } from "./external_access.ts";
import { Login } from "./login.ts";
import type { OidcOptions } from "./login_options.ts";
import type { BackendOptions } from "./options.ts";
import { createCaches, type ProviderCaches, watchCaches } from "./provider_caches.ts";
import { BINDER_ROLE } from "./rbac.ts";
import {
  followServingCertificate,
  readServingCertificate,
  type ServingCertificate,
  type TlsFiles,
} from "./serving_certificate.ts";
import { TokenLogin } from "./token_login.ts";
import { createWebApp } from "./web_app.ts";

/** The kinds that the backend works with, installed at its start. */
const KINDS = [
  ClusterBinding,
  APIServiceExport,
  APIServiceExportRequest,
  APIServiceNamespace,
  APIServiceExportTemplate,
];
/** What control-plane mode works with in addition. */
const CONTROL_PLANE_KINDS = [APIServiceBinding, AppClusterBinding];

/**
 * Runs the backend until the signal fires. A cluster or an issuer that does not answer is waited for, while the pages
 * and `/readyz` say so.
 *
 * @throws {ConfigError} when the configuration can never work
 */
export async function runBackend(options: BackendOptions, log: Log, signal: AbortSignal): Promise<void> {
  const config = await loadKubeconfig(options.kubeconfig);
  const external = await readExternalAccess(options.external, config);
  const metrics = await createMetrics({ prefix: "klutch_backend_" });
  const leadership = new Leadership();
  const access = { side: "provider", userAgent: "klutch-backend", metrics };
  using client = new KubeClient(config, access);
  using leading = new KubeClient(config, {
    ...access,
    beforeWrite: options.lease && (() => leadership.assertHeld()),
  });
  await using recorder = createRecorder(client, { component: "klutch-backend", instance: options.instance }, log);
  const censuses = { appClusters: new Census(), namespaces: new Census() };
  const states = ["state"] as const;
  metrics.observed("app_clusters", "App clusters by health.", states, () => censuses.appClusters.counts);
  metrics.observed("mapped_namespaces", "Namespaces of app clusters.", states, () => censuses.namespaces.counts);
  const deps: ControllersDeps = {
    ...options,
    external,
    client: leading,
    censuses,
    recorder,
    audit: openAudit(log, options.auditLogPath),
    log,
    metrics,
  };
  const caches = createCaches(deps);
  const help = "Exports by what has become of the schema of their API.";
  metrics.observed("schema_exports", help, ["api", "state"], () => schemaReadings(caches.templates.store.list()));
  const unfit = "Stored objects that the schema of their API refuses, or robs of fields, where that was looked at.";
  metrics.observed("schema_unfit_objects", unfit, ["api"], () => impactReadings(caches.templates.store.list()));

  let failure: { error: unknown } | undefined;
  const underWay = new AbortController(); // requests may end in good order after the signal
  using _idle = collectWhenIdle();
  await using tasks = new TaskGroup((error) => failure ??= { error }, signal);
  const { listener, origin, serve } = await listen(options, { log, metrics }, tasks);
  tasks.run(() => listener.finished.finally(() => underWay.abort(signal.reason)));

  const oidc = options.oidc === "embedded" ? await startIssuer(origin, log, tasks) : options.oidc;
  const caData = oidc?.caFile ? await readAuthority(oidc.caFile, "--oidc-ca-file") : undefined;
  using login = oidc && new Login(oidc, { caData, log });
  using tokenLogin = oidc && new TokenLogin(oidc, { caData }, underWay.signal);
  followAuthority({
    path: oidc?.caFile,
    flag: "--oidc-ca-file",
    current: caData,
    renew(caData) {
      tokenLogin?.trust(caData);
      if (login) tasks.run(() => login.trust(caData, underWay.signal));
    },
    log,
  }, tasks);
  followAuthority({
    path: options.external.caFile,
    flag: "--external-ca-file",
    current: external.caData,
    renew: (caData) => external.caData = caData,
    log,
  }, tasks);
  const start = startCluster({ client, deps, caches, leadership, options }, tasks);
  // Every replica serves people; contracts are made alike by all of them.
  const web = { options, caches, isReady: start.readiness, stopping: tasks.signal, deps: { ...deps, client } };
  serve(
    oidc && login && tokenLogin
      ? createWebApp({ ...web, oidc, login, tokenLogin }, underWay.signal)
      : () => new Response("Nobody logs in here: app clusters are bound by AppClusterBindings.\n", { status: 404 }),
  );
  const health = serveHealth({
    address: options.healthAddress,
    checks: { leaderElection: () => leadership.check() },
    readiness: { cluster: start.readiness, ...(login && { issuer: () => login.readiness }) },
    metrics,
  }, tasks.signal);
  tasks.run(() => health.finished);
  if (login) tasks.run(() => login.connect(underWay.signal));
  log.info("backend started", {
    pid: Deno.pid,
    address: origin,
    healthPort: health.port,
    server: config.server,
    consumerScope: options.consumerScope,
  });

  await fired(tasks.signal);
  if (failure) throw failure.error;
  log.info("backend stops");
}

interface Observers {
  log: Log;
  metrics: MetricsRegistry;
}

/** Of HTTPS: at the same time, and for one network. */
const CONNECTIONS = { most: 2_000, mostEach: 200 };
/** Nobody waits longer than a minute for a contract, and streams of events are never as quiet. */
const SILENCE_MS = 75_000;

/** Listens from the beginning, so that a wrong address is noticed at once, and answers once there is an app. */
async function listen(
  { listen: address, tls, trustedProxies }: BackendOptions,
  observers: Observers,
  tasks: TaskGroup,
) {
  const app = Promise.withResolvers<HttpServerOptions["handler"]>();
  const http: HttpServerOptions = {
    address,
    serves: "the web pages",
    handler: async (request, peer) => (await app.promise)(request, peer),
  };
  const listener = tls
    ? await listenTls(tls, { ...http, limits: limitsFor(trustedProxies, observers) }, observers, tasks)
    : serveHttp(http, tasks.signal);
  const host = formatListenAddress({ ...address, port: listener.port });
  return { listener, origin: `${tls ? "https" : "http"}://${host}`, serve: app.resolve };
}

function limitsFor(trustedProxies: BlockList, { metrics }: Observers): ConnectionLimits {
  const refused = metrics.counter("connections_refused_total", "HTTPS connections beyond what is allowed.", []);
  return {
    slots: new Slots(CONNECTIONS),
    ownerOf: (address) => connectionOwner(address, trustedProxies),
    onRefused: () => refused.add({}),
    silenceMs: SILENCE_MS,
  };
}

/** Listens with the certificate that is in the files, now and later. */
async function listenTls(
  files: TlsFiles,
  https: Omit<HttpsServerOptions, "tls">,
  { log, metrics }: Observers,
  tasks: TaskGroup,
): Promise<HttpServer> {
  const served = { certificate: await readServingCertificate(files) };
  const listener = serveHttps({ ...https, tls: served.certificate.pair }, tasks.signal);
  const renew = ({ pair }: ServingCertificate) => listener.renew(pair);
  tasks.run((signal) => followServingCertificate({ files, served, renew, log }, signal));
  const help = "End of the public listener's certificate, in seconds since 1970.";
  const name = "serving_certificate_expiration_timestamp_seconds";
  metrics.observed(name, help, [], () => [[{}, served.certificate.notAfter.getTime() / 1000]]);
  return listener;
}

/** The issuer for demos and tests, and our client there. */
async function startIssuer(origin: string, log: Log, tasks: TaskGroup): Promise<OidcOptions> {
  const { openEmbeddedIssuer } = await import("../oidc/embedded_issuer.ts");
  const clientSecret = crypto.randomUUID();
  const callbackUrl = `${origin}/callback`;
  const cliClientId = "klutch-cli";
  const client = { clientId: "klutch-backend", clientSecret, redirectUris: [callbackUrl], cliClientId };
  const { issuerUrl } = await openEmbeddedIssuer({ ...client, log }, tasks.signal);
  const tokens = { cliClientId, audiences: [], otherIssuers: [], programs: [] };
  return { issuerUrl, clientId: client.clientId, clientSecret, callbackUrl, tokens };
}

interface ClusterParts {
  /** May write at any time, while that of the controllers may as long as we lead. */
  client: KubeClient;
  deps: ControllersDeps;
  caches: ProviderCaches;
  leadership: Leadership;
  options: BackendOptions;
}

/** Everything that needs the cluster, in order: CRDs, the role that all app clusters have, caches, controllers. */
function startCluster({ client, deps, caches, leadership, options }: ClusterParts, tasks: TaskGroup) {
  const { lease, controlPlaneMode } = options;
  const { log } = deps;
  let readiness: true | string = "the cluster is not reachable yet";
  tasks.run(async (signal) => {
    await untilReachable(
      () => client.request("GET", "/version", {}, signal),
      { waitingFor: "the provider", log },
      signal,
    );
    readiness = "the CRDs are being installed";
    await installCrds(client, controlPlaneMode ? [...KINDS, ...CONTROL_PLANE_KINDS] : KINDS, log, signal);
    const roles = client.api<Role>(CLUSTER_ROLES);
    const ensure = async () => ensureRole(roles, await roles.find(BINDER_ROLE.metadata, signal), BINDER_ROLE, signal);
    await untilReachable(ensure, { waitingFor: "the provider", log }, signal);
    readiness = "the cluster's objects are being read";
    await watchCaches(caches, tasks);
    readiness = true;
    log.info("backend ready", { templates: caches.templates.store.size });
    const lead = (signal: AbortSignal) =>
      runTasks(async (tasks) => {
        startControllers(deps, caches, tasks);
        if (controlPlaneMode) await startAppClusters({ ...deps, ...controlPlaneMode }, caches, tasks);
      }, signal);
    await (lease ? runAsLeader({ client, ...lease, leadership, log }, lead, signal) : lead(signal));
  });
  return { readiness: () => readiness };
}
