import type { APIServiceNamespace } from "../crds/api_service_namespace.ts";
import { API_SERVICE_NAMESPACES } from "../crds/names.ts";
import type { PermissionClaim } from "../crds/shared.ts";
import type { Api } from "../kube/api.ts";
import type { KubeClient } from "../kube/client.ts";
import { silentLog } from "../kube/log.ts";
import { createRecorder } from "../kube/recorder.ts";
import { NAMESPACES, SECRETS } from "../kube/resources.ts";
import type { DynamicObject, ObjectKey, Resource } from "../kube/types.ts";
import type { ClaimDefinition } from "../sync/claim_definitions.ts";
import type { Owner } from "../sync/claim_rules.ts";
import { consumer, eventually, provider, within } from "../tests/clusters.ts";
import { ClaimSync } from "./claim_sync.ts";
import { openTestConnection } from "./connection_fixture.ts";

type Side = "consumer" | "provider";

export const secretsClaim = (
  owner: Owner | undefined,
  rest: Partial<PermissionClaim> = {},
): PermissionClaim => ({
  group: "",
  resource: "secrets",
  version: "v1",
  required: true,
  ...rest,
  selector: { ...rest.selector, ...(owner && { owner }) },
});

/** A Secret with one value, or several. */
export const secret = (
  key: ObjectKey,
  values: Record<string, string>,
  metadata: Partial<DynamicObject["metadata"]> = {},
): DynamicObject => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { ...key, ...metadata },
  type: "Opaque",
  data: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, btoa(value)])),
});

export const valuesOf = (object: DynamicObject): Record<string, string> =>
  Object.fromEntries(Object.entries(object.data as Record<string, string>).map(([name, value]) => [name, atob(value)]));

/** One app cluster with a mapped namespace on the provider, and a connection between them, without any claim yet. */
export async function openClaimPair(resource: Resource = SECRETS) {
  await using opened = new AsyncDisposableStack();
  const [app, plane] = [opened.use(await consumer()), opened.use(await provider())];
  const { connection, clusterNamespace, signal } = await openTestConnection(opened, app, plane);
  const recorder = opened.use(createRecorder(app.client, { component: "test", instance: "test" }, silentLog));
  const serviceNamespaces = plane.client.api<APIServiceNamespace>(API_SERVICE_NAMESPACES);
  /** Plays the backend. */
  async function mapNamespace() {
    const name = cleanup.use(await app.namespace("team")).name;
    const mapped = `${clusterNamespace}-${name}`;
    await plane.client.api(NAMESPACES).create(
      { apiVersion: "v1", kind: "Namespace", metadata: { name: mapped } },
      within(5_000),
    );
    const request = await serviceNamespaces.create({
      apiVersion: "klutch.anynines.com/v1alpha1",
      kind: "APIServiceNamespace",
      metadata: { namespace: clusterNamespace, name },
      spec: {},
    }, within(5_000));
    await serviceNamespaces.replaceStatus({ ...request, status: { namespace: mapped } }, within(5_000));
    cleanup.defer(() => plane.client.api(NAMESPACES).delete({ name: mapped }, {}, within(5_000)));
    return { consumer: name, provider: mapped };
  }
  const cleanup = new AsyncDisposableStack();
  const namespace = await mapNamespace();
  const clients: Record<Side, KubeClient> = { consumer: app.client, provider: plane.client };
  const sides: Record<Side, Api> = { consumer: app.client.api(resource), provider: plane.client.api(resource) };
  const stack = opened.move();
  const keyOn = (side: Side, name: string) => ({ namespace: namespace[side], name });
  return {
    ...sides,
    clients,
    clusterNamespace,
    namespace,
    keyOn,
    mapNamespace: () => mapNamespace(),
    open: (
      owner: Owner,
      claims: PermissionClaim[],
      {
        group = resource.group,
        resource: plural = resource.plural,
        mayDeleteOrphans = false,
      }: Partial<Pick<ClaimDefinition, "group" | "resource" | "mayDeleteOrphans">> = {},
    ) =>
      new ClaimSync(
        {
          consumer: app.client,
          connection,
          workers: 4,
          recorder,
          isReserved: (_kind, { name }) => name === "reserved",
          log: silentLog,
          onChange: () => {},
        },
        { group, resource: plural, owner, claims, mayDeleteOrphans },
        Promise.resolve(),
        signal,
      ),
    on: (side: Side, name: string, what: string, is: (object: DynamicObject) => boolean = () => true) =>
      eventually(`${what} (${side})`, async () => {
        const object = await sides[side].find(keyOn(side, name), within(5_000));
        return object && is(object) && object;
      }),
    gone: (side: Side, name: string) =>
      eventually(
        `${name} is gone on the ${side}`,
        async () => !(await sides[side].find(keyOn(side, name), within(5_000))),
      ),
    [Symbol.asyncDispose]: async () => {
      await cleanup.disposeAsync();
      await stack.disposeAsync();
    },
  };
}
