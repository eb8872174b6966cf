import type { Document } from "yaml";
import type { APIServiceExportRequest, APIServiceExportRequestResponse } from "../crds/api_service_export_request.ts";
import { decode } from "../crds/check.ts";
import { API_SERVICE_EXPORT_REQUESTS, API_VERSION } from "../crds/names.ts";
import { type GroupResource, groupResourceName } from "../crds/shared.ts";
import { APIServiceExportRequestResponse as RequestSchema } from "../crds/api_service_export_request.ts";
import type { KubeClient } from "../kube/client.ts";
import { type Clock, systemClock } from "../kube/clock.ts";
import { isAlreadyExists, isForbidden, isUnreachable } from "../kube/errors.ts";
import { isJsonObject } from "../kube/json.ts";
import { printable } from "../printable.ts";
import { mayBeBound } from "../sync/protected_apis.ts";
import { TakeBack } from "./take_back.ts";
import { waitForObject } from "./wait.ts";

/** What users write into a file, and providers send: a request that no cluster has seen yet. */
export type ExportRequest = APIServiceExportRequestResponse;

const ANSWER_TIMEOUT_MS = 10 * 60_000;
/** A provider may hand out its kubeconfig before it has granted the rights that go with it. */
const RIGHTS_TIMEOUT_MS = 30_000;
const RIGHTS_RETRY_MS = 1000;

/** `postgresqlinstances.anynines.com, backups.anynines.com` */
export const namesOf = ({ spec }: Pick<ExportRequest, "spec">): string =>
  spec.resources.map((resource) => printable(groupResourceName(resource))).join(", ");

/** The first of these that no konnector would bind, whoever agreed to it; `<resource>.<group>`. */
export function protectedIn(resources: readonly GroupResource[]): string | undefined {
  const found = resources.find(({ group }) => !mayBeBound(group));
  return found && groupResourceName(found);
}

/**
 * Reads a manifest of an APIServiceExportRequest, YAML or JSON.
 *
 * @throws {Error} naming what is wrong with it
 */
export async function readExportRequest(text: string): Promise<ExportRequest> {
  const { parseAllDocuments } = await import("yaml");
  const documents: Document[] = [...parseAllDocuments(text, { logLevel: "error" })];
  const isFilled = (document: Document) => document.errors.length > 0 || document.toJS({ maxAliasCount: 0 }) !== null;
  const [first, second] = documents.filter(isFilled);
  if (first?.errors[0]) throw new Error(`failed to unmarshal manifest: ${first.errors[0].message}`);
  if (!first) throw new Error("failed to unmarshal manifest: it is empty");
  if (second) throw new Error("failed to unmarshal manifest: it holds more than one document; bind them one by one");
  const manifest = first.toJS({ maxAliasCount: 0 });
  if (!isJsonObject(manifest)) throw new Error("failed to unmarshal manifest: it is not an object");
  const { apiVersion, kind } = manifest;
  if (apiVersion !== API_VERSION) throw new Error(`invalid apiVersion ${JSON.stringify(apiVersion ?? "")}`);
  if (kind !== "APIServiceExportRequest") throw new Error(`invalid kind ${JSON.stringify(kind ?? "")}`);
  const request = decode(RequestSchema, { metadata: {}, ...manifest });
  const refused = protectedIn(request.spec.resources);
  if (refused) throw new Error(`invalid manifest: "${refused}" may never be bound`);
  return request;
}

/**
 * Asks the provider for its APIs and waits for the answer.
 *
 * @param namespace of the consumer, on the provider
 * @returns the request as the provider has stored it, defaults filled in
 */
export async function requestExports(
  provider: KubeClient,
  namespace: string,
  request: ExportRequest,
  {
    takeBack = new TakeBack({ say() {} }),
    clock = systemClock,
    rightsTimeoutMs = RIGHTS_TIMEOUT_MS,
    answerTimeoutMs = ANSWER_TIMEOUT_MS,
  }: {
    takeBack?: TakeBack;
    clock?: Clock;
    rightsTimeoutMs?: number;
    answerTimeoutMs?: number;
  },
  signal: AbortSignal,
): Promise<APIServiceExportRequest> {
  const giveUpAt = clock.monotonicMs() + rightsTimeoutMs;
  let created: APIServiceExportRequest;
  while (true) {
    try {
      created = await create(provider, namespace, request, takeBack, signal);
      break;
    } catch (error) {
      const mayPass = isForbidden(error) || isUnreachable(error);
      if (!mayPass || clock.monotonicMs() >= giveUpAt) throw error;
      await clock.sleep(RIGHTS_RETRY_MS, signal);
    }
  }
  return await answerTo(provider, created, answerTimeoutMs, signal);
}

async function create(
  provider: KubeClient,
  namespace: string,
  { apiVersion, kind, metadata, spec }: ExportRequest,
  takeBack: TakeBack,
  signal: AbortSignal,
): Promise<APIServiceExportRequest> {
  const api = provider.api<APIServiceExportRequest>(API_SERVICE_EXPORT_REQUESTS);
  const createAs = async (name: { name: string } | { generateName: string }) => {
    const make = (signal: AbortSignal) =>
      api.create({ apiVersion, kind, metadata: { namespace, ...name }, spec }, signal);
    return (await takeBack.create(api, make, signal))!;
  };
  const { name } = metadata;
  if (!name) return await createAs({ generateName: "export-" });
  try {
    return await createAs({ name });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    // An earlier request, answered long ago, keeps the name for some minutes.
    return await createAs({ generateName: `${name}-` });
  }
}

async function answerTo(
  provider: KubeClient,
  created: APIServiceExportRequest,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<APIServiceExportRequest> {
  const { name } = created.metadata;
  const decide = (request: APIServiceExportRequest | undefined) => {
    if (!request) throw new Error(`APIServiceExportRequest ${name} was deleted by the service provider`);
    const { phase, terminalMessage } = request.status ?? {};
    if (phase === "Failed") {
      throw new Error(`binding request failed: ${printable(terminalMessage || "the provider gave no reason")}`);
    }
    return phase === "Succeeded" ? request : undefined;
  };
  const api = provider.api<APIServiceExportRequest>(API_SERVICE_EXPORT_REQUESTS);
  const goal = `get an answer of the provider to the request for ${namesOf(created)}`;
  return await waitForObject(api, created.metadata, decide, { timeoutMs, goal }, signal);
}
