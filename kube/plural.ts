/** `1 object`, `2 objects`, `1 copy is`, `2 copies are`: a number with the word that agrees with it. */
export const counted = (number: number, one: string, many: string = `${one}s`): string =>
  `${number} ${number === 1 ? one : many}`;
