import type { PermissionClaim } from "../crds/shared.ts";
import { type ClaimDefinition, claimId, defineClaims, type WantedClaims } from "../sync/claim_definitions.ts";
import { ownersOf } from "../sync/claim_rules.ts";
import type { ClaimOutcome } from "./claim_status.ts";
import type { ClaimSync } from "./claim_sync.ts";
import type { Connection } from "./connection.ts";

/** What one binding wants. */
interface Wanted extends WantedClaims {
  connection: Connection;
}

export type OpenClaimSync = (
  connection: Connection,
  definition: ClaimDefinition,
  options: { before: Promise<unknown>; onChange: () => void },
) => ClaimSync;

/**
 * Syncs of claimed objects, as bindings come, go and change. Bindings of one provider often claim the same objects, so
 * there is one sync per kind and owner for all of them together: what one does not claim another still may.
 */
export class Claims implements AsyncDisposable {
  readonly #open: OpenClaimSync;
  readonly #wake: (binding: string) => void;
  readonly #wanted = new Map<string, Wanted>();
  readonly #syncs = new Map<Connection, Map<string, ClaimSync>>();
  readonly #closing = new Set<Promise<void>>();

  /** @param wake called with a binding whose claims have news */
  constructor(open: OpenClaimSync, wake: (binding: string) => void) {
    this.#open = open;
    this.#wake = wake;
  }

  /** @param leaving claims that are in effect no longer, each for one owner; their copies are taken away */
  follow(binding: string, wanted: Wanted): void {
    this.#wanted.set(binding, wanted);
    this.#adjust();
  }

  /** Nothing is to be done for this binding any more; what was copied stays. */
  release(binding: string): void {
    if (this.#wanted.delete(binding)) this.#adjust();
  }

  /** What has come of a binding's claims. */
  outcomes(binding: string): ClaimOutcome[] {
    const wanted = this.#wanted.get(binding);
    if (!wanted) return [];
    const syncs = this.#syncs.get(wanted.connection);
    const syncsOf = (claim: PermissionClaim) =>
      ownersOf(claim).flatMap((owner) => syncs?.get(claimId(claim, owner)) ?? []);
    return [
      ...wanted.effective.map((claim) => ({ claim, reports: syncsOf(claim).map((sync) => sync.report(claim)) })),
      ...wanted.leaving.flatMap((claim) => {
        const going = syncsOf(claim).filter(({ definition, isEmpty }) => definition.claims.length === 0 && !isEmpty);
        return going.length > 0 ? [{ claim, isLeaving: true, reports: going.map((sync) => sync.report()) }] : [];
      }),
    ];
  }

  /**
   * Copies on the provider that a binding would have deleted, had anybody seen the deletion of their sources; undefined
   * while that is not known.
   */
  orphans(binding: string): string[] | undefined {
    const wanted = this.#wanted.get(binding);
    if (!wanted) return undefined;
    if (wanted.mayDeleteOrphans) return []; // where some are left, another binding that claims them is asked
    const syncs = this.#syncs.get(wanted.connection);
    const ids = new Set(wanted.effective.flatMap((claim) => ownersOf(claim).map((owner) => claimId(claim, owner))));
    const orphans = Array.from(ids, (id) => syncs?.get(id)?.orphans);
    return orphans.every((found) => found !== undefined) ? orphans.flat() : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#wanted.clear();
    this.#adjust();
    await Promise.all(this.#closing);
  }

  /** Opens, changes and closes syncs so that they are what all bindings together want. */
  #adjust(): void {
    const definitions = this.#definitions();
    const endings = new Map<string, Promise<void>>();
    for (const [connection, syncs] of this.#syncs) {
      for (const [id, sync] of syncs) {
        const definition = definitions.get(connection)?.get(id);
        if (definition && sync.matches(definition)) continue;
        syncs.delete(id);
        endings.set(id, this.#close(sync));
      }
      if (syncs.size === 0) this.#syncs.delete(connection);
    }
    for (const [connection, wanted] of definitions) {
      const syncs = this.#syncs.get(connection) ?? new Map<string, ClaimSync>();
      this.#syncs.set(connection, syncs);
      for (const [id, definition] of wanted) {
        if (syncs.has(id)) continue;
        const before = endings.get(id) ?? Promise.resolve();
        syncs.set(id, this.#open(connection, definition, { before, onChange: () => this.#tell(connection) }));
      }
    }
  }

  #definitions(): Map<Connection, Map<string, ClaimDefinition>> {
    const byConnection = Map.groupBy(this.#wanted.values(), ({ connection }) => connection);
    return new Map([...byConnection].map(([connection, wanted]) => [connection, defineClaims(wanted)]));
  }

  #tell(connection: Connection): void {
    for (const [binding, wanted] of this.#wanted) if (wanted.connection === connection) this.#wake(binding);
  }

  #close(sync: ClaimSync): Promise<void> {
    const closing = sync[Symbol.asyncDispose]().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
    return closing;
  }
}
