import { deepEqual, isJsonObject } from "../../kube/json.ts";
import type { CrdVersion, CustomResourceDefinition } from "../../kube/resources.ts";
import type { Json } from "../../kube/types.ts";
import { type Change, type ChangeRule, type Verdict, verdictOf } from "./change.ts";
import { WHOLE } from "./compare_node.ts";
import { compareSchemas } from "./compare_schema.ts";
import { ANYTHING, type SchemaNode } from "./node.ts";

/** The part of a CRD that its users notice. */
export type ApiDefinition = Pick<
  CustomResourceDefinition["spec"],
  "group" | "names" | "scope" | "versions" | "conversion"
>;

/** What changed in an API, version by version, and what that does to its users. */
export function compareApis(before: ApiDefinition, after: ApiDefinition): Change[] {
  // Numbers keep their text elsewhere (`1.0`); here only their values count.
  const [was, is] = [before, after].map((one) => JSON.parse(JSON.stringify(one)) as ApiDefinition) as [
    ApiDefinition,
    ApiDefinition,
  ];
  return [...compareIdentity(was, is), ...compareVersions(was, is), ...compareConversion(was, is)]
    .filter((change, index, all) => all.findIndex((other) => deepEqual(other, change)) === index);
}

const change = (verdict: Verdict, rule: ChangeRule, path: string, message: string, version?: string): Change => ({
  verdict,
  rule,
  ...(version && { version }),
  path,
  message,
});

function compareIdentity(before: ApiDefinition, after: ApiDefinition): Change[] {
  const changes: Change[] = [];
  for (
    const [what, was, is] of [
      ["group", before.group, after.group],
      ["plural", before.names.plural, after.names.plural],
      ["kind", before.names.kind, after.names.kind],
    ] as const
  ) {
    if (was !== is) {
      changes.push(change("breaking", "api-renamed", "", `${what} ${was} became ${is}: it is another API`));
    }
  }
  if (before.scope !== after.scope) {
    const message = `scope ${before.scope} became ${after.scope}, which an API server refuses`;
    changes.push(change("breaking", "scope-changed", "", message));
  }
  const [was, is] = [before, after].map((
    { names: { kind, singular, listKind, shortNames = [], categories = [] } },
  ) => ({
    fixed: [singular || kind.toLowerCase(), listKind || `${kind}List`],
    names: [...shortNames, ...categories],
  }));
  const gone = was!.names.filter((name) => !is!.names.includes(name));
  if (gone.length > 0 || !deepEqual(was!.fixed, is!.fixed)) {
    changes.push(change("risky", "names-changed", "", "names are gone that scripts may use"));
  } else if (!deepEqual(was, is)) {
    changes.push(change("safe", "names-changed", "", "short names or categories are new"));
  }
  return changes;
}

const servedOf = ({ versions }: ApiDefinition): Map<string, CrdVersion> =>
  new Map(versions.filter(({ served }) => served).map((version) => [version.name, version]));

function compareVersions(before: ApiDefinition, after: ApiDefinition): Change[] {
  const [had, has] = [servedOf(before), servedOf(after)];
  const gone = [...had.keys()].filter((name) => !has.has(name)).map((name) =>
    change("breaking", "version-removed", "", `version ${name} is not served any more`, name)
  );
  const added = [...has.keys()].filter((name) => !had.has(name)).map((name) =>
    change("safe", "version-added", "", `version ${name} is served in addition`, name)
  );
  const kept = [...had].flatMap(([name, version]) => {
    const now = has.get(name);
    return now ? compareVersion(version, now).map((change) => ({ ...change, version: name })) : [];
  });
  return [...gone, ...added, ...kept, ...compareStorage(before, after)];
}

function compareVersion(before: CrdVersion, after: CrdVersion): Change[] {
  const changes: Change[] = [];
  const add = (...args: Parameters<typeof change>) => void changes.push(change(...args));
  const wordsOf = ({ deprecated = false, deprecationWarning = "" }: CrdVersion) => [deprecated, deprecationWarning];
  if (!deepEqual(wordsOf(before), wordsOf(after))) {
    add("safe", "version-deprecated", "", after.deprecated ? "users are warned" : "users are not warned any more");
  }
  for (const name of ["status", "scale"] as const) {
    const [was, is] = [before.subresources?.[name], after.subresources?.[name]];
    if (was && !is) add("breaking", "subresource-changed", "", `subresource ${name} is gone`);
    else if (!was && is && name === "status") {
      add("risky", "subresource-changed", "", "status is written through its subresource only");
    } else if (!was && is) add("safe", "subresource-changed", "", `subresource ${name} is new`);
    else if (!deepEqual(was, is)) add("risky", "subresource-changed", "", `subresource ${name} reads other fields`);
  }
  if (!deepEqual(before.additionalPrinterColumns ?? [], after.additionalPrinterColumns ?? [])) {
    add("safe", "columns-changed", "", "columns of kubectl get changed");
  }
  const fieldsOf = ({ selectableFields = [] }: CrdVersion) => selectableFields.map(({ jsonPath }) => jsonPath);
  const [had, has] = [fieldsOf(before), fieldsOf(after)];
  const lost = had.filter((path) => !has.includes(path));
  if (lost.length > 0) {
    add("breaking", "selectable-fields-changed", "", `field selectors with ${lost.join(", ")} are refused`);
  } else if (has.length > had.length) add("safe", "selectable-fields-changed", "", "more fields can be selected by");
  return [...changes, ...compareWholes(before, after)];
}

const compareWholes = (before: CrdVersion, after: CrdVersion): Change[] =>
  compareSchemas(wholeOf(before), wholeOf(after), WHOLE).map(
    withoutMeta,
  );

const META: Record<string, SchemaNode> = {
  apiVersion: { type: "string" },
  kind: { type: "string" },
  metadata: { type: "object", properties: { name: { type: "string" }, generateName: { type: "string" } } },
};

/** The schema of the whole object; what every object has is there whether the schema names it or not. */
function wholeOf({ schema }: CrdVersion): SchemaNode {
  const whole = (schema?.openAPIV3Schema ?? ANYTHING) as SchemaNode;
  const { metadata } = whole.properties ?? {};
  const meta = { ...META.metadata, properties: { ...META.metadata!.properties, ...metadata?.properties } };
  return {
    ...whole,
    type: "object",
    required: whole.required?.filter((name) => !Object.hasOwn(META, name)),
    properties: { ...whole.properties, ...META, metadata: meta },
  };
}

/** Name and version of an example are up to whoever tries it, unless they are what it is about. */
function withoutMeta({ example, ...change }: Change): Change {
  if (!isJsonObject(example as Json)) return change;
  const { apiVersion: _, kind: __, ...rest } = example as Record<string, Json>;
  return { ...change, example: rest };
}

/** Where nothing converts, objects stored before are read with the schema of the version they are asked for in. */
function compareStorage(before: ApiDefinition, after: ApiDefinition): Change[] {
  const [was, is] = [before, after].map(({ versions }) => versions.find(({ storage }) => storage));
  if (!was || !is || was.name === is.name) return [];
  const converts = after.conversion?.strategy === "Webhook";
  const losses = converts ? [] : compareWholes(was, is).filter(({ verdict }) => verdict !== "safe");
  const moved = `objects are stored as ${is.name}, before as ${was.name}`;
  const message = losses.length > 0 ? `${moved}; nothing converts them, and the schemas differ` : moved;
  const verdict = verdictOf([{ verdict: "risky" }, ...losses]);
  return [
    change(verdict, "storage-version-changed", "", message, is.name),
    ...losses.map((loss) => ({
      ...loss,
      version: is.name,
    })),
  ];
}

function compareConversion(before: ApiDefinition, after: ApiDefinition): Change[] {
  const [was, is] = [before, after].map(({ conversion }) => conversion?.strategy ?? "None");
  if (was !== is) {
    const message = `conversion ${was} became ${is}`;
    return [change("risky", "conversion-changed", "", message)];
  }
  const [had, has] = [before, after].map(({ conversion }) => withoutCa(conversion?.webhook));
  return deepEqual(had, has) ? [] : [change("risky", "conversion-changed", "", "another webhook converts objects")];
}

/** Certificates are renewed without anything else changing. */
function withoutCa(webhook: Json | undefined): Json | undefined {
  if (!isJsonObject(webhook) || !isJsonObject(webhook.clientConfig)) return webhook;
  const { caBundle: _, ...clientConfig } = webhook.clientConfig;
  return { ...webhook, clientConfig };
}
