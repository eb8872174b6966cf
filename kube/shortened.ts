/** The beginning of a text that somebody else has written, as far as it is to end up in a log, a message or a page. */
export const shortened = (text: string, most = 100): string => text.length > most ? `${text.slice(0, most)}…` : text;
