import type { Change } from "../kube/informer.ts";
import { type DynamicObject, formatKey, type ObjectKey } from "../kube/types.ts";
import type { ClaimDigest } from "./claim_digest.ts";

type ClaimChange = Change<ClaimDigest, DynamicObject>;

/** What was seen of deletions among the objects of one claimed kind. All keys are the consumer's. */
export class ClaimEvidence {
  readonly #deletedSources = new Set<string>();
  readonly #deletedCopies = new Set<string>();
  /** Uids of copies whose deletion says nothing of what their users want: by us, or begun when nobody looked. */
  readonly #condemnedCopies = new Map<string, string>();

  /** @param isThere in the eyes of any watch: what leaves one may be in another, by its labels */
  sourceChanged(key: ObjectKey, { before, fresh }: ClaimChange, isThere: boolean): void {
    const text = formatKey(key);
    if (isThere) this.#deletedSources.delete(text);
    else if (fresh || before?.isDeleting) this.#deletedSources.add(text);
  }

  copyChanged(key: ObjectKey, { before, after, object, fresh }: ClaimChange): void {
    const text = formatKey(key);
    if (after) {
      this.#deletedCopies.delete(text);
      const uid = object!.metadata.uid!;
      if (after.isDeleting && !fresh) this.#condemnedCopies.set(text, uid);
      else if (this.#condemnedCopies.get(text) !== uid) this.#condemnedCopies.delete(text);
    } else if (!this.#condemnedCopies.delete(text) && before?.counts && fresh) this.#deletedCopies.add(text);
  }

  /** We are about to delete that copy: whether or not it is us who succeed, it was to go. */
  condemnCopy(key: ObjectKey, { metadata: { uid } }: DynamicObject): void {
    this.#condemnedCopies.set(formatKey(key), uid!);
  }

  isSourceDeleted(key: ObjectKey): boolean {
    return this.#deletedSources.has(formatKey(key));
  }

  /** Whether somebody else than us has deleted the copy. */
  isCopyDeleted(key: ObjectKey): boolean {
    return this.#deletedCopies.has(formatKey(key));
  }

  /** Nothing is left to do that it would matter for. */
  forget(key: ObjectKey): void {
    const text = formatKey(key);
    this.#deletedSources.delete(text);
    this.#deletedCopies.delete(text);
    this.#condemnedCopies.delete(text);
  }
}
