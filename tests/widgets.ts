import type { OpenApiSchema } from "../kube/resources.ts";
import type { KubeClient } from "../kube/client.ts";
import type { KubeObject, Resource } from "../kube/types.ts";
import { eventually, uniqueName, within } from "./clusters.ts";
import { installCrd } from "./mangodb.ts";

/** An object of a throw-away API. */
export interface Widget extends KubeObject {
  // deno-lint-ignore no-explicit-any -- tests write what they like
  spec?: any;
  // deno-lint-ignore no-explicit-any
  status?: any;
}

/** An API of its own for one test, removed with it. */
export interface WidgetApi extends AsyncDisposable {
  resource: Resource;
}

/** Serves `Widget`s with this schema of `spec`, in a group nobody else uses. */
export async function serveWidgets(
  client: KubeClient,
  spec: OpenApiSchema,
  scope: "Namespaced" | "Cluster" = "Namespaced",
): Promise<WidgetApi> {
  const group = `${uniqueName("test")}.klutch.test`;
  const namespaced = scope === "Namespaced";
  const resource: Resource = { group, version: "v1", plural: "widgets", kind: "Widget", namespaced };
  const status = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  await using installing = new AsyncDisposableStack();
  installing.use(
    await installCrd(client, {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: `widgets.${group}` },
      spec: {
        group,
        scope,
        names: { plural: "widgets", kind: "Widget" },
        versions: [{
          name: "v1",
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: "object", properties: { spec, status } } },
          subresources: { status: {} },
        }],
      },
    }),
  );
  await eventually(`widgets.${group} is served`, () => client.api(resource).list({}, within(5_000)));
  const installed = installing.move();
  return { resource, [Symbol.asyncDispose]: () => installed.disposeAsync() };
}
