import type { APIServiceExportTemplate } from "../crds/api_service_export_template.ts";
import { crdPartOf, type ExportCrdSpec, sourceSpecHash } from "../crds/export_schema.ts";
import { SCHEMA_LABEL } from "../crds/names.ts";
import { isAlreadyExists, isNotFound } from "../kube/errors.ts";
import type { Informer } from "../kube/informer.ts";
import { CONTROLLER_REVISIONS, type ControllerRevision } from "../kube/resources.ts";
import { apiVersionOf, formatKey, keyOf, type ObjectKey } from "../kube/types.ts";
import { boundedName } from "./bounded_name.ts";

/** A schema that app clusters had once, to go back to. */
export interface Snapshot {
  key: ObjectKey;
  hash: string;
  /** Grows with every time that app clusters leave a schema of the template. */
  revision: number;
  /** When app clusters first left it. */
  keptAt: string;
  /** `<namespace>/<name>` of the template. */
  template: string;
}

/** Index of snapshots by their template. */
export const SNAPSHOTS_BY_TEMPLATE = "template";
export const snapshotIndexers = { [SNAPSHOTS_BY_TEMPLATE]: ({ template }: Snapshot): string[] => [template] };

/** What an informer keeps: schemas are large. */
export function toSnapshot(object: ControllerRevision): Snapshot {
  const { namespace, labels, creationTimestamp = "", ownerReferences } = object.metadata;
  return {
    key: keyOf(object),
    hash: labels?.[SCHEMA_LABEL] ?? "",
    revision: object.revision,
    keptAt: creationTimestamp,
    template: formatKey({ namespace, name: ownerReferences?.[0]?.name ?? "" }),
  };
}

/** So many of a template; the ones left longest ago are deleted. */
export const MAX_SNAPSHOTS = 10;

export type SnapshotInformer = Informer<ControllerRevision<ExportCrdSpec>, Snapshot>;

/** Of a template, the one left last first. */
export const snapshotsOf = ({ store }: SnapshotInformer, template: APIServiceExportTemplate): Snapshot[] =>
  store.by(SNAPSHOTS_BY_TEMPLATE, formatKey(keyOf(template))).sort((a, b) => b.revision - a.revision);

/** Schemas that exports have left, as ControllerRevisions that belong to the template. */
export class Snapshots {
  readonly informer: SnapshotInformer;
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(informer: SnapshotInformer) {
    this.informer = informer;
  }

  /** Keeps what an export is about to leave; many of them leave the same at the same time. */
  async keep(template: APIServiceExportTemplate, spec: ExportCrdSpec, signal: AbortSignal): Promise<void> {
    const hash = sourceSpecHash(spec);
    const id = `${template.metadata.uid} ${hash}`;
    if (snapshotsOf(this.informer, template)[0]?.hash === hash) return;
    let keeping = this.#underWay.get(id);
    if (!keeping) {
      keeping = this.#write(template, hash, crdPartOf(spec), signal).finally(() => this.#underWay.delete(id));
      this.#underWay.set(id, keeping);
    }
    await keeping;
  }

  /** What the template wants app clusters to go back to; undefined when it wants nothing, or nothing is kept of that. */
  async target(
    template: APIServiceExportTemplate | undefined,
    signal: AbortSignal,
  ): Promise<ExportCrdSpec | undefined> {
    const wanted = template?.spec.schemaChanges?.rollBackTo;
    if (!wanted) return undefined;
    const snapshot = snapshotsOf(this.informer, template).find(({ hash }) => hash === wanted);
    const found = snapshot && await this.informer.api.find(snapshot.key, signal);
    return found && crdPartOf(found.data); // backends before this one kept whole specs
  }

  async #write(template: APIServiceExportTemplate, hash: string, data: ExportCrdSpec, signal: AbortSignal) {
    const { api } = this.informer;
    const { namespace, name, uid } = template.metadata;
    const known = snapshotsOf(this.informer, template);
    const revision = (known[0]?.revision ?? 0) + 1;
    const key = { namespace, name: boundedName(`${name}-${hash.toLowerCase()}`, LONGEST_NAME) };
    try {
      this.informer.accept(
        await api.create({
          apiVersion: apiVersionOf(CONTROLLER_REVISIONS),
          kind: CONTROLLER_REVISIONS.kind,
          metadata: {
            ...key,
            labels: { [SCHEMA_LABEL]: hash },
            ownerReferences: [{ apiVersion: template.apiVersion, kind: template.kind, name, uid: uid! }],
          },
          revision,
          data,
        }, signal),
      );
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      this.informer.accept(await api.mergePatch(key, { revision }, {}, signal)); // left once more
    }
    const inUse = template.spec.schemaChanges?.rollBackTo;
    for (const old of known.filter((one) => one.hash !== hash && one.hash !== inUse).slice(MAX_SNAPSHOTS - 1)) {
      await api.delete(old.key, {}, signal).catch((error) => {
        if (!isNotFound(error)) throw error;
      });
    }
  }
}

/** Of any object but those whose names are parts of host names. */
const LONGEST_NAME = 253;
