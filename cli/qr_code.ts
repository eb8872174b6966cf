import { renderUnicodeCompact } from "uqr";

/** A text for cameras, in lines of half blocks: dark on light, whatever the colours of the terminal. */
export const qrCode = (text: string): string =>
  renderUnicodeCompact(text, { border: 2, invert: true }).split("\n")
    .map((line) => `\x1b[38;5;16;48;5;231m${line}\x1b[0m`).join("\n");
