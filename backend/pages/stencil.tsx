/**
 * A page that differs from person to person in a few words only. It is cut at the marks that stand for these words, and
 * encoded once: texts of that size for each request are what garbage collection would be busy with.
 */
export class Stencil<Name extends string> {
  readonly #start: Uint8Array;
  /** Each comes after a word. */
  readonly #pieces: { after: Name; piece: Uint8Array }[] = [];

  /** @param marks stand for words in the page, and look like nothing else there, e.g. UUIDs */
  constructor(html: string, marks: Readonly<Record<Name, string>>) {
    const names = new Map(Object.entries(marks).map(([name, mark]) => [mark, name as Name]));
    const [start = "", ...parts] = html.split(new RegExp(`(${[...names.keys()].join("|")})`)); // also gives the marks
    this.#start = encode(start);
    for (let at = 0; at < parts.length; at += 2) {
      this.#pieces.push({ after: names.get(parts[at]!)!, piece: encode(parts[at + 1]!) });
    }
  }

  /** The page with these words in it, whatever their characters. */
  fill(words: Readonly<Record<Name, string>>): Uint8Array<ArrayBuffer> {
    const safe = new Map(Object.entries<string>(words).map(([name, word]) => [name, encode(escapeHtml(word))]));
    let size = this.#start.length;
    for (const { after, piece } of this.#pieces) size += safe.get(after)!.length + piece.length;
    const page = new Uint8Array(size);
    page.set(this.#start);
    let at = this.#start.length;
    for (const { after, piece } of this.#pieces) {
      const word = safe.get(after)!;
      page.set(word, at);
      page.set(piece, at + word.length);
      at += word.length + piece.length;
    }
    return page;
  }
}

const encoder = new TextEncoder();
const encode = (text: string): Uint8Array => encoder.encode(text);

const escapeHtml = (text: string): string => (<>{text}</>).toString();
