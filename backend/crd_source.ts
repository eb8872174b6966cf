import { InvalidObjectError } from "../crds/check.ts";
import { type ExportCrdSpec, onlyVersion, toExportSpec } from "../crds/export_schema.ts";
import type { Api } from "../kube/api.ts";
import type { CustomResourceDefinition } from "../kube/resources.ts";
import type { ServedApi } from "./catalogue.ts";

/** What a CRD gives to exports, or why it cannot. */
export type ExportSource = { spec: ExportCrdSpec } | { problem: string };

/** What a template makes of a CRD that names one version of it, or none. */
export function atVersion(source: ExportSource, version: string | undefined): ExportSource {
  if (!version || "problem" in source) return source;
  const spec = onlyVersion(source.spec, version);
  if (spec) return { spec };
  const { group, names, versions } = source.spec;
  const others = versions.map(({ name }) => name).join(", ");
  return {
    problem: `Cannot export version "${version}" of "${names.plural}.${group}": what can be exported is ${others}`,
  };
}

interface Known {
  uid: string;
  generation: number;
  source: Promise<ExportSource>;
}

/** Reads CRDs that are exported, once per change however many exports they have. */
export class CrdSource {
  readonly #api: Api<CustomResourceDefinition>;
  readonly #known = new Map<string, Known>();

  constructor(api: Api<CustomResourceDefinition>) {
    this.#api = api;
  }

  /**
   * @param signal of the process: others may wait for the same read
   * @throws {KubeError} also when the CRD has gone meanwhile; its event is on the way
   */
  get({ name, uid, generation }: ServedApi, signal: AbortSignal): Promise<ExportSource> {
    const known = this.#known.get(name);
    if (known?.uid === uid && known.generation >= generation) return known.source;
    const entry = { uid, generation, source: this.#read(name, signal) };
    this.#known.set(name, entry);
    entry.source.catch(() => {
      if (this.#known.get(name) === entry) this.#known.delete(name);
    });
    return entry.source;
  }

  forget(name: string): void {
    this.#known.delete(name);
  }

  async #read(name: string, signal: AbortSignal): Promise<ExportSource> {
    const crd = await this.#api.get({ name }, signal);
    try {
      return { spec: toExportSpec(crd) };
    } catch (error) {
      if (error instanceof InvalidObjectError) return { problem: error.message };
      throw error;
    }
  }
}
