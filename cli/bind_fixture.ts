import { env } from "node:process";
import { stringify } from "yaml";
import type { APIServiceBinding } from "../crds/api_service_binding.ts";
import { APIServiceBinding as BindingKind } from "../crds/api_service_binding.ts";
import { APIServiceExportRequest } from "../crds/api_service_export_request.ts";
import { installCrds } from "../crds/install.ts";
import {
  API_SERVICE_BINDINGS,
  API_SERVICE_EXPORT_REQUESTS,
  API_VERSION,
  KLUTCH_NAMESPACE,
  KUBECONFIG,
} from "../crds/names.ts";
import type { PermissionClaim } from "../crds/shared.ts";
import { conditionFalse, conditionTrue, setCondition, summarize } from "../kube/conditions.ts";
import { createLog } from "../kube/log.ts";
import { type Secret, SECRETS } from "../kube/resources.ts";
import { consumer, provider, type TestCluster, uniqueName, within } from "../tests/clusters.ts";
import { readReceivedKubeconfig } from "./remote_kubeconfig.ts";

/** What the provider of a test does differently from a well-behaved one. */
export interface ProviderBehaviour {
  claims?: PermissionClaim[];
  /** Answer to requests; `"never"` leaves them pending. */
  answer?: "Succeeded" | "Failed" | "never";
  /** The BindingResponse as it goes out. */
  tamper?: (response: Record<string, unknown>) => Record<string, unknown>;
  kubeconfig?: (text: string) => string;
}

/**
 * A provider as far as the command line sees one, on the real API server of the tests: its web pages log everybody in
 * at once, and requests are answered. The konnector's part on the app cluster is played by `markBindings`.
 */
export interface Stage extends AsyncDisposable {
  appCluster: TestCluster;
  provider: TestCluster;
  /** Of the export page. */
  url: string;
  /** `mangodbs.<group of this stage>` */
  api: string;
  /** The consumer's namespace on the provider. */
  namespace: string;
  kubeconfig: string;
  behaviour: ProviderBehaviour;
  /** Requests that were made, by name. */
  requests(): Promise<string[]>;
  /** Kubeconfig Secrets on the app cluster that lead to this stage. */
  secrets(): Promise<Secret[]>;
  binding(): Promise<APIServiceBinding | undefined>;
  /** Path of a file with this text, for as long as the stage is open. */
  file(text: string): Promise<string>;
  /** From now on the konnector says this about the stage's binding, until what is returned is called. */
  markBindings(state: "ready" | "unreachable"): () => void;
}

export async function openStage(behaviour: ProviderBehaviour = {}): Promise<Stage> {
  const [appCluster, providerCluster] = [await consumer(), await provider()];
  const log = createLog({ format: "text", level: "error", write: () => {} });
  await installCrds(appCluster.client, [BindingKind], log, within(20_000));
  await installCrds(providerCluster.client, [APIServiceExportRequest], log, within(20_000));
  const namespace = await providerCluster.namespace("cli");
  const group = `${uniqueName("cli")}.example.com`;
  const api = `mangodbs.${group}`;
  const text = readReceivedKubeconfig(await Deno.readTextFile(providerCluster.kubeconfigPath), namespace.name).text;

  const directory = await Deno.makeTempDir({ prefix: "klutch-cli-" });
  const stop = new AbortController();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, signal: stop.signal, onListen: () => {} }, (request) => {
    const url = new URL(request.url);
    if (url.pathname === "/export") return Response.json(exportPage(url.origin));
    const query = Object.fromEntries(url.searchParams);
    const kubeconfig = stage.behaviour.kubeconfig?.(text) ?? text;
    const response = bindingResponse(query.s!, kubeconfig, group, stage.behaviour.claims);
    const tampered = stage.behaviour.tamper?.(response) ?? response;
    const location = `http://localhost:${query.p}/callback?response=${
      encodeURIComponent(btoa(JSON.stringify(tampered)))
    }`;
    return new Response(null, { status: 302, headers: { location } });
  });

  const requestApi = providerCluster.client.api(API_SERVICE_EXPORT_REQUESTS);
  const bindingApi = appCluster.client.api<APIServiceBinding>(API_SERVICE_BINDINGS);
  const key = { namespace: KLUTCH_NAMESPACE, name: api };
  const work: Promise<void>[] = [];
  const every = (action: () => Promise<void>) =>
    work.push((async () => {
      while (!stop.signal.aborted) {
        await action().catch(() => {}); // the next round does it
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    })());
  every(async () => {
    const { answer = "Succeeded" } = stage.behaviour;
    if (answer === "never") return;
    const { items } = await requestApi.list({ namespace: namespace.name }, within(5000));
    for (const { metadata, status } of items) {
      if ((status as { phase?: string } | undefined)?.phase !== "Pending") continue;
      const patch = { status: { phase: answer, ...(answer === "Failed" && { terminalMessage: "no such API" }) } };
      await requestApi.mergePatch(metadata, patch, { subresource: "status" }, within(5000));
    }
  });

  const stage: Stage = {
    appCluster,
    provider: providerCluster,
    url: `http://127.0.0.1:${server.addr.port}/export`,
    api,
    namespace: namespace.name,
    kubeconfig: text,
    behaviour,
    async requests() {
      const { items } = await requestApi.list({ namespace: namespace.name }, within(5000));
      return items.map(({ metadata }) => metadata.name);
    },
    async secrets() {
      const { items } = await appCluster.client.api<Secret>(SECRETS).list(
        { namespace: KLUTCH_NAMESPACE },
        within(5000),
      );
      return items.filter(({ data }) => atob(data?.[KUBECONFIG] ?? "").includes(`namespace: ${namespace.name}\n`));
    },
    binding: () => bindingApi.find(key, within(5000)),
    markBindings(state) {
      let isOver = false;
      every(async () => {
        const binding = isOver ? undefined : await bindingApi.find(key, within(5000));
        if (!binding || binding.status?.conditions?.some(({ type }) => type === "Connected")) return;
        const connected = state === "ready"
          ? conditionTrue("Connected")
          : conditionFalse("Connected", "ProviderUnreachable", "Warning", "no route to host");
        const conditions = summarize(setCondition(undefined, connected, new Date()), new Date());
        await bindingApi.mergePatch(key, { status: { conditions } }, { subresource: "status" }, within(5000));
      });
      return () => isOver = true;
    },
    async file(text) {
      const path = `${directory}/${crypto.randomUUID()}`;
      await Deno.writeTextFile(path, text);
      return path;
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Deno.remove(directory, { recursive: true });
      await Promise.all(work);
      await server.finished;
      await bindingApi.delete(key, {}, within(5000));
      for (const { metadata } of await stage.secrets()) {
        await appCluster.client.api(SECRETS).delete(metadata, {}, within(5000));
      }
      await namespace[Symbol.asyncDispose]();
      appCluster[Symbol.dispose]();
      providerCluster[Symbol.dispose]();
    },
  };
  return stage;
}

const exportPage = (origin: string) => ({
  kind: "BindingProvider",
  apiVersion: "v1alpha1",
  providerPrettyName: "test provider",
  version: "v1.4.0",
  authenticationMethods: [{
    method: "OAuth2CodeGrant",
    oauth2CodeGrant: { authenticatedURL: `${origin}/authorize` },
  }],
});

/** What a provider answers to somebody who has bound `mangodbs.<group>`. */
export function bindingResponse(
  sid: string,
  kubeconfig: string,
  group: string,
  permissionClaims?: PermissionClaim[],
) {
  return {
    kind: "BindingResponse",
    apiVersion: API_VERSION,
    authentication: { oauth2CodeGrant: { sid, id: "https://issuer.example/alice" } },
    kubeconfig: btoa(kubeconfig),
    requests: [{
      kind: "APIServiceExportRequest",
      apiVersion: API_VERSION,
      metadata: { name: `mangodbs.${group}` },
      spec: { resources: [{ group, resource: "mangodbs", permissionClaims }] },
      status: {},
    }],
  };
}

/** A manifest as `bind apiservice -f` takes it. */
export const requestManifest = ({ api }: Stage): string =>
  stringify({
    apiVersion: API_VERSION,
    kind: "APIServiceExportRequest",
    metadata: { name: api },
    spec: { resources: [{ group: api.slice("mangodbs.".length), resource: "mangodbs" }] },
  });

export interface Run {
  code: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** Everything the process can read; the input ends there, unless it is a terminal's. */
  stdin?: string;
  isStdinOpen?: boolean;
  /** Opens the login URL as soon as it is printed. */
  logIn?: boolean;
  /** Called once stderr contains this. */
  when?: [text: string, action: (child: Deno.ChildProcess) => void];
}

/** Runs the command line as a process of its own, against the app cluster of the stage. */
export async function klutch(
  stage: Stage,
  args: string[],
  { stdin = "", isStdinOpen, logIn, when }: RunOptions = {},
): Promise<Run> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", new URL("../main.ts", import.meta.url).pathname, ...args],
    env: { KUBECONFIG: stage.appCluster.kubeconfigPath, HOME: env.HOME ?? "", BROWSER: "" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const feed = (async () => {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(stdin));
    if (isStdinOpen) await child.status;
    await writer.close();
  })().catch(() => {}); // the process may end without reading
  const stdout = new Response(child.stdout).text();
  const opened: Promise<unknown>[] = [];
  let stderr = "";
  for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
    stderr += text;
    const url = /visit in your browser:\n\n\t(\S+)\n/.exec(stderr)?.[1];
    if (logIn && url && opened.length === 0) opened.push(fetch(url).then((page) => page.text()));
    if (when && stderr.includes(when[0])) {
      when[1](child);
      when = undefined;
    }
  }
  const { code } = await child.status;
  await Promise.all([feed, ...opened]);
  return { code, stdout: await stdout, stderr };
}

/** `klutch bind URL` as a person runs it who logs in at once. */
export const bind = (stage: Stage, args: string[] = [], options: RunOptions = {}): Promise<Run> =>
  klutch(stage, ["bind", stage.url, "--no-browser", "--skip-konnector", ...args], { logIn: true, ...options });
