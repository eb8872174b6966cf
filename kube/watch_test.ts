import assert from "node:assert/strict";
import fc from "fast-check";
import { RecordedApi, type RecordedApiOptions, type RecordedChange } from "../tests/recorded_api.ts";
import { KubeClient } from "./client.ts";
import { type Clock, systemClock } from "./clock.ts";
import { KubeError } from "./errors.ts";
import { staticConfig } from "./kubeconfig.ts";
import { CONFIG_MAPS, type ConfigMap } from "./resources.ts";
import { type WatchNotice, watchObjects, type WatchObjectsOptions } from "./watch.ts";

/** Pauses are noted down instead of waited for. */
function hurriedClock(): Clock & { sleeps: number[] } {
  const sleeps: number[] = [];
  return {
    ...systemClock,
    sleeps,
    sleep(ms, signal) {
      sleeps.push(ms);
      signal.throwIfAborted();
      return new Promise((resolve) => setTimeout(resolve, 0));
    },
  };
}

type Notice = WatchNotice<ConfigMap>;

/** Watches until `until` says so, asked when all is told; what was told, and what an observer who believes it holds in the end. */
async function observe(
  url: string,
  until: (held: Map<string, string | undefined>, notice: Notice) => boolean,
  options: Partial<WatchObjectsOptions> & { timeoutMs?: number } = {},
) {
  const { timeoutMs = 10_000, ...rest } = options;
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(timeoutMs)]);
  const clock = hurriedClock();
  const errors: KubeError[] = [];
  const notices: Notice[] = [];
  const held = new Map<string, string | undefined>();
  let seen: Set<string> | undefined;
  using client = new KubeClient(staticConfig({ server: url }));
  const watch = watchObjects<ConfigMap>(client.api(CONFIG_MAPS), {
    namespace: "ns",
    clock,
    random: () => 0,
    onInterruption: (error) => errors.push(error as KubeError),
    ...rest,
  }, signal);
  try {
    for await (const notice of watch) {
      notices.push(notice);
      if (notice.type === "restart") seen = new Set();
      else if (notice.type === "synced") {
        assert.ok(seen, "synced without restart");
        for (const name of held.keys()) if (!seen.has(name)) held.delete(name);
        seen = undefined;
      } else {
        const { metadata: { name }, data } = notice.object;
        if (notice.type === "delete") held.delete(name);
        else {
          held.set(name, data?.value);
          seen?.add(name);
          assert.equal(notice.initial, seen !== undefined);
        }
      }
      if (!seen && until(held, notice)) break;
    }
  } finally {
    stop.abort();
  }
  return {
    notices,
    errors,
    sleeps: clock.sleeps,
    held: Object.fromEntries([...held].sort()),
    restarts: notices.filter(({ type }) => type === "restart").length,
  };
}

const HISTORY: RecordedChange[] = [
  { type: "ADDED", name: "a", value: "1" },
  { type: "ADDED", name: "b", value: "ü€😀" },
  { type: "ADDED", name: "c", value: "1" },
  { type: "DELETED", name: "c" },
  // From here on after the watch has begun.
  { type: "MODIFIED", name: "a", value: "2" },
  { type: "ADDED", name: "d", value: "\n1" },
  { type: "DELETED", name: "b" },
  { type: "ADDED", name: "b", value: "again" },
  { type: "DELETED", name: "a" },
  { type: "ADDED", name: "last", value: "x" },
];
const last = (held: Map<string, unknown>) => held.has("last");

const recorded = (options: RecordedApiOptions = {}) => {
  const server = new RecordedApi([...HISTORY], { happened: 4, ...options });
  // The rest happens while the watch is open, in any case after it was asked for.
  const happen = setInterval(() => {
    if (server.requests.length === 0) return;
    server.happen();
    clearInterval(happen);
  }, 1);
  return server;
};

for (const refusesWatchList of [false, true]) {
  const way = refusesWatchList ? "list and watch" : "watch list";
  for (const cutsLookRegular of [false, true]) {
    const how = cutsLookRegular ? "ended" : "cut";
    Deno.test(`a ${way} ${how} at every byte position of the stream ends in the same store`, async () => {
      const options = { refusesWatchList, cutsLookRegular };
      await using whole = recorded(options);
      const { held } = await observe(whole.url, last);
      assert.deepEqual(held, whole.state);
      assert.deepEqual(held, { b: "again", d: "\n1", last: "x" });
      // One request is cut at a time: the refused one, the list, the watch.
      for (const [request, length] of [...whole.sent].entries()) {
        const check = async (at: number) => {
          const cuts = [...Array(request).fill(Infinity), at];
          await using server = recorded({ ...options, cuts });
          const result = await observe(server.url, last);
          assert.deepEqual(result.held, held, `cut after ${at} of ${length} bytes of request ${request}`);
        };
        const positions = Array.from({ length }, (_, index) => index + 1);
        while (positions.length > 0) await Promise.all(positions.splice(0, 20).map(check));
      }
    });
  }
}

Deno.test("a watch that is cut again and again, anywhere, ends in the same store", async () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 1500 }), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(cuts, fc.boolean(), fc.boolean(), async (cuts, refusesWatchList, cutsLookRegular) => {
      await using server = recorded({ cuts, refusesWatchList, cutsLookRegular, pageSize: 1 });
      const { held } = await observe(server.url, last);
      assert.deepEqual(held, server.state);
    }),
    { numRuns: 200 },
  );
});

Deno.test("a watch that breaks resumes where it was, without asking again for what it knows", async () => {
  await using server = new RecordedApi([...HISTORY], { happened: 4 });
  const result = await observe(server.url, (held, notice) => {
    if (notice.type === "synced") {
      server.cut();
      server.happen();
    }
    return last(held);
  });
  assert.equal(result.restarts, 1);
  assert.equal(server.requests.length, 2);
  const [first, second] = server.requests as [URLSearchParams, URLSearchParams];
  assert.deepEqual(Object.fromEntries(first), {
    watch: "true",
    allowWatchBookmarks: "true",
    sendInitialEvents: "true",
    resourceVersionMatch: "NotOlderThan",
    timeoutSeconds: "300",
  });
  assert.deepEqual(Object.fromEntries(second), {
    watch: "true",
    allowWatchBookmarks: "true",
    resourceVersion: "4",
    timeoutSeconds: "300",
  });
  assert.equal(result.errors.length, 1);
  assert.match(result.errors[0]!.message, /^Cannot watch configmaps in namespace "ns" at http.*: the answer broke off/);
});

for (const cutsLookRegular of [false, true]) {
  const how = cutsLookRegular ? "that the server ends early is begun anew" : "that breaks resumes as ever";
  Deno.test(`where the schema may change, a watch ${how}, and no deletion goes untold`, async () => {
    await using server = new RecordedApi([...HISTORY], { happened: 4, cutsLookRegular });
    let lists = 0;
    const result = await observe(server.url, (held, notice) => {
      if (notice.type === "synced" && ++lists === 1) {
        server.cut();
        server.happen();
      }
      return last(held) && lists === (cutsLookRegular ? 2 : 1);
    }, { schemaMayChange: true });
    assert.equal(result.restarts, lists);
    assert.deepEqual(result.held, server.state);
    const deleted = result.notices.flatMap((notice) => notice.type === "delete" ? notice.object.metadata.name : []);
    assert.deepEqual(deleted, ["b", "a"]);
  });
}

Deno.test("a watch that is begun anew since the schema changed is no failure, should the server have forgotten what was before", async () => {
  await using server = new RecordedApi([...HISTORY], { happened: 4, cutsLookRegular: true });
  let isCut = false;
  const changeSchema = () => {
    server.happen();
    server.compact();
    server.cut();
  };
  const result = await observe(server.url, (held, { type }) => {
    if (type === "synced" && !isCut) {
      isCut = true;
      setTimeout(changeSchema, 1_500); // a watch that ends at once is a failure
    }
    return type === "synced" && last(held);
  }, { schemaMayChange: true });
  assert.deepEqual(result.errors, []);
  assert.deepEqual(result.held, server.state);
});

Deno.test("bookmarks move on the position to resume from", async () => {
  await using server = new RecordedApi([...HISTORY.slice(0, 4)]);
  await observe(server.url, (held, notice) => {
    if (notice.type === "synced") {
      server.happen(...Array(4).fill({ type: "ADDED", name: "x", elsewhere: true }));
      setTimeout(() => {
        server.cut();
        server.happen({ type: "ADDED", name: "last" });
      }, 100);
    }
    return last(held);
  });
  assert.equal(server.requests.at(-1)!.get("resourceVersion"), "8");
});

for (const inStream of [false, true]) {
  Deno.test(`a position the server has forgotten (410 ${inStream ? "in the stream" : "as status"}) means to start over`, async () => {
    await using server = new RecordedApi([...HISTORY], { happened: 4 });
    let begun = false;
    const result = await observe(server.url, (held, notice) => {
      if (notice.type === "synced" && !begun) {
        begun = true;
        server.failures.push({ code: 410, inStream });
        server.cut();
        server.happen();
      }
      return last(held) && notice.type === "synced";
    });
    assert.equal(result.restarts, 2);
    assert.deepEqual(result.held, server.state);
    assert.deepEqual(server.requests.map((query) => query.has("sendInitialEvents")), [true, false, true]);
  });
}

Deno.test("a server that really compacted is asked for everything again", async () => {
  await using server = new RecordedApi([...HISTORY], { happened: 4, refusesWatchList: true });
  let begun = false;
  const result = await observe(server.url, (held, notice) => {
    if (notice.type === "synced" && !begun) {
      begun = true;
      server.cut();
      server.happen();
      server.compact();
    }
    return last(held);
  });
  assert.equal(result.restarts, 3); // at first to find out that there are no watch lists
  assert.deepEqual(result.held, server.state);
});

Deno.test("a server without watch lists is listed in pages, and asked for a watch list only once", async () => {
  await using server = new RecordedApi([...HISTORY], { refusesWatchList: true, pageSize: 2 });
  const result = await observe(server.url, (held) => last(held));
  assert.deepEqual(result.held, server.state);
  assert.deepEqual(result.errors, []);
  assert.deepEqual(
    server.requests.slice(0, 3).map((query) => [query.get("sendInitialEvents"), query.get("limit")]),
    [["true", null], [null, "500"], [null, "500"]],
  );
});

Deno.test("failures are waited out longer and longer, and as long as the server asks for", async () => {
  await using server = new RecordedApi([...HISTORY], { happened: 4 });
  const happen = setInterval(() => {
    if (server.failures.length > 0) return;
    setTimeout(() => server.happen(), 50);
    clearInterval(happen);
  }, 1);
  for (let count = 0; count < 12; count++) server.failures.push({ code: 500, inStream: false });
  server.failures.push({ code: 500, inStream: true, retryAfterSeconds: 45 });
  const { sleeps, errors } = await observe(server.url, last);
  assert.deepEqual(sleeps.slice(0, 4), [100, 200, 400, 800]);
  assert.deepEqual(sleeps.slice(-3), [30_000, 30_000, 45_000]);
  assert.equal(errors.length, 13);
});

Deno.test("a server that is back but not ready yet is not waited for as long as one that is away", async () => {
  await using server = new RecordedApi([...HISTORY], { cuts: Array(12).fill(1) }); // so many answers do not arrive
  server.failures.push(...Array(14).fill({ code: 429, inStream: false }));
  const { sleeps } = await observe(server.url, last);
  assert.deepEqual(sleeps.slice(10), [30_000, 30_000, 100, 200]);
});

Deno.test("initial events that break off again and again do not reset the waiting time", async () => {
  const probe = new RecordedApi([...HISTORY]);
  await observe(probe.url, last);
  await probe[Symbol.asyncDispose]();
  const nearlyAll = probe.sent[0]! - 20;
  await using server = new RecordedApi([...HISTORY], { cuts: Array(6).fill(nearlyAll) });
  const { sleeps } = await observe(server.url, (_, notice) => notice.type === "synced");
  assert.deepEqual(sleeps, [100, 200, 400, 800, 1600, 3200]);
});

Deno.test("a server that ends watches at once is not asked in a tight loop", async () => {
  await using server = new RecordedApi([...HISTORY], { happened: 4, cutsLookRegular: true, cuts: Array(5).fill(600) });
  let told = 0;
  const { sleeps } = await observe(server.url, (held, notice) => {
    if (notice.type === "synced" && told++ === 0) setTimeout(() => server.happen(), 50);
    return last(held);
  });
  assert.ok(sleeps.length >= 1, String(sleeps));
});

Deno.test("a resource that is not served any more is looked for from the beginning", async () => {
  await using server = new RecordedApi([...HISTORY], { happened: 4 });
  let begun = false;
  const result = await observe(server.url, (_, notice) => {
    if (notice.type !== "synced") return false;
    if (begun) return true;
    begun = true;
    server.failures.push({ code: 404, inStream: false });
    server.cut();
    return false;
  });
  assert.equal(result.restarts, 2);
});

Deno.test("an event that is none is a failure like others", async () => {
  const lines = ["null", '{"type":"ADDED","object":{}}', '{"type":"ADDED"}', "<html>", '{"type":"ADDED","obj'];
  let count = 0;
  await using server = new RecordedApi([...HISTORY]);
  const odd = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const line = lines[count++];
    if (line !== undefined) return new Response(line + "\n");
    const { search } = new URL(request.url);
    const answer = await fetch(server.url + "/x" + search, { signal: request.signal });
    return new Response(answer.body, { status: answer.status });
  });
  const result = await observe(`http://127.0.0.1:${odd.addr.port}`, last);
  assert.deepEqual(result.held, server.state);
  assert.equal(result.errors.length, lines.length);
  server.cut();
  await odd.shutdown();
});

Deno.test("a connection that falls silent is given up and resumed", async () => {
  await using server = new RecordedApi([...HISTORY], { happened: 4 });
  const silences: number[] = [];
  const result = await observe(server.url, (_, notice) => {
    if (notice.type === "synced") setTimeout(() => server.happen(), 1200); // nothing comes until then
    const name = notice.type === "apply" && notice.object.metadata.name;
    if (name === "last") setTimeout(() => server.happen({ type: "ADDED", name: "later" }), 1200);
    return name === "later";
  }, { silenceMs: 500, onSilence: () => silences.push(1) });
  assert.equal(result.restarts, 1);
  assert.ok(silences.length >= 1, "where nothing was heard yet, silence is no failure");
  assert.ok(result.errors.length >= 1, "after something was heard, it is");
  assert.match(result.errors[0]!.message, /the answer broke off: no answer within 0.5 s/);
});

Deno.test("a watch that is aborted throws the reason, at whatever point", async () => {
  for (const afterMs of [0, 1, 5, 20, 60]) {
    await using server = new RecordedApi([...HISTORY]);
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error("enough")), afterMs);
    using client = new KubeClient(staticConfig({ server: server.url }));
    const watch = watchObjects<ConfigMap>(client.api(CONFIG_MAPS), {}, stop.signal);
    await assert.rejects(Array.fromAsync(watch), /^Error: enough$/);
  }
});

Deno.test("whoever stops reading closes the connection", async () => {
  await using server = new RecordedApi([...HISTORY]);
  using client = new KubeClient(staticConfig({ server: server.url }));
  for await (const { type } of watchObjects(client.api(CONFIG_MAPS), {}, AbortSignal.timeout(10_000))) {
    if (type === "synced") break;
  }
  // The test's sanitizers see to it that nothing is left open.
});
