import { equal, ok } from "node:assert/strict";
import { eventually } from "../tests/clusters.ts";
import { eventStream } from "./event_stream.ts";

/** A state that a test changes, and what has become of its stream. */
function open() {
  const state = { text: "first", renderings: 0, ends: 0, change: () => {} };
  const stop = new AbortController();
  const stream = eventStream(
    {
      render() {
        state.renderings++;
        return state.text;
      },
      watch: (onChange) => state.change = onChange,
    },
    () => state.ends++,
    stop.signal,
  );
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  const next = async () => (await reader.read()).value;
  return { state, stop, reader, next };
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 250));

Deno.test("eventStream() tells what there is, and then what is new, once", async () => {
  const { state, stop, next } = open();
  equal(await next(), 'data: "first"\n\n');
  const told = next();
  state.change(); // nothing is different
  await pause();
  state.text = "second\nline";
  state.change();
  state.change();
  equal(await told, 'data: "second\\nline"\n\n');
  stop.abort();
  equal(await next(), undefined);
  equal(state.ends, 1);
});

Deno.test("A tenant who never reads, and changes what there is to see again and again, fills no memory: old states are skipped", async () => {
  const { state, next, reader } = open();
  equal(await next(), 'data: "first"\n\n');
  for (let round = 0; round < 8; round++) {
    state.text = `state ${round}`;
    state.change();
    await pause();
  }
  ok(state.renderings < 6, `${state.renderings} renderings`);
  const seen: (string | undefined)[] = [];
  await eventually("the newest state comes", async () => {
    seen.push(await next());
    return seen.at(-1)?.includes("state 7");
  });
  ok(seen.length < 6, `${seen.length} events`);
  await reader.cancel();
  equal(state.ends, 1);
});

Deno.test("eventStream() of what has ended already closes at once", async () => {
  let ends = 0;
  const stream = eventStream({ render: () => "x", watch: () => {} }, () => ends++, AbortSignal.abort());
  equal((await stream.getReader().read()).done, true);
  equal(ends, 1);
});
