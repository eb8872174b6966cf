export interface EventStreamOptions {
  /** What there is to see now. */
  render: () => string;
  /** Calls back whenever that may have changed, until the signal fires. */
  watch: (onChange: () => void, signal: AbortSignal) => void;
}

/** Several changes at once are told once. */
const PAUSE_MS = 200;
/** Keeps the connection from looking dead. */
const REMINDER_MS = 25_000;

/**
 * Something that changes, as server-sent events of text in JSON, until the signal fires. Whoever reads slowly misses what
 * is old: the next event is made when there is room for it, and holds what is true then.
 *
 * @param onEnd called once, however it ends
 */
export function eventStream(
  { render, watch }: EventStreamOptions,
  onEnd: () => void,
  signal: AbortSignal,
): ReadableStream<Uint8Array> {
  const left = new AbortController();
  const ended = AbortSignal.any([signal, left.signal]);
  const encoder = new TextEncoder();
  let told: string | undefined;
  let isStale = true;
  let pause: ReturnType<typeof setTimeout> | undefined;
  let reminder: ReturnType<typeof setInterval> | undefined;

  const write = (to: ReadableStreamDefaultController<Uint8Array>, text: () => string | undefined) => {
    if (to.desiredSize! <= 0) return;
    const chunk = text();
    if (chunk !== undefined) to.enqueue(encoder.encode(chunk));
  };
  const news = () => {
    if (!isStale) return undefined;
    isStale = false;
    const text = render();
    return text === told ? undefined : `data: ${JSON.stringify(told = text)}\n\n`;
  };
  return new ReadableStream<Uint8Array>({
    start(controller) {
      reminder = setInterval(() => write(controller, () => ": still here\n\n"), REMINDER_MS);
      watch(() => {
        isStale = true;
        pause ??= setTimeout(() => {
          pause = undefined;
          write(controller, news);
        }, PAUSE_MS);
      }, ended);
      const end = () => {
        clearTimeout(pause);
        clearInterval(reminder);
        if (!left.signal.aborted) controller.close();
        onEnd();
      };
      if (ended.aborted) end();
      else ended.addEventListener("abort", end, { once: true });
    },
    pull(controller) {
      if (pause === undefined) write(controller, news);
    },
    cancel: () => left.abort(),
  });
}
