import assert from "node:assert/strict";
import { formatMs, Screen, type ScreenContext } from "./screen.ts";

function openScreen({ terminal = false, env = {}, columns = 40 }: {
  terminal?: boolean;
  env?: ScreenContext["env"];
  columns?: number;
} = {}) {
  let out = "";
  let error = "";
  const screen = new Screen({
    env,
    isTerminal: { stdin: terminal, stdout: terminal, stderr: terminal },
    writeOut: (text) => out += text,
    writeError: (text) => error += text,
  }, () => columns);
  return { screen, out: () => out, error: () => error };
}

/** A story with all that a screen shows. */
async function tell(screen: Screen): Promise<void> {
  screen.title("Title");
  screen.chapter("First");
  screen.command("kubectl get pods", "app cluster");
  await screen.during("waiting", (tellMore) => {
    tellMore("still waiting");
    screen.quote("NAME\nx\n");
    return Promise.resolve();
  });
  screen.done("done", 84);
  screen.failed("failed");
}

Deno.test("a pipe gets plain lines, and progress apart from them", async () => {
  const { screen, out, error } = openScreen();
  await tell(screen);
  assert.equal(
    out(),
    [
      "Title",
      "",
      "1. First",
      "   $ kubectl get pods   # app cluster",
      "     NAME",
      "     x",
      "   ✓ done  84 ms",
      "   ✗ failed",
      "",
    ].join("\n"),
  );
  assert.equal(error(), "   … waiting\n   … still waiting\n");
});

Deno.test("a terminal gets colours and one line that moves and leaves", async () => {
  const { screen, out, error } = openScreen({ terminal: true });
  await tell(screen);
  assert.ok(out().includes("\x1b[32m✓\x1b[0m done"));
  assert.ok(error().includes("\r\x1b[K   ⠙ still waiting"));
  assert.ok(error().endsWith("\r\x1b[K"));
});

Deno.test("NO_COLOR and dumb terminals are respected", async () => {
  for (const env of [{ NO_COLOR: "1" }, { TERM: "dumb" }]) {
    const { screen, out } = openScreen({ terminal: true, env });
    await tell(screen);
    assert.ok(!out().includes("\x1b"));
  }
});

Deno.test("what goes on stays on one line, however long it is", async () => {
  const { screen, error } = openScreen({ terminal: true, columns: 30 });
  await screen.during("x".repeat(100) + "\nsecond line", () => Promise.resolve());
  const longest = Math.max(...error().split("\r\x1b[K").map((text) => text.length));
  assert.ok(longest <= 30, `${longest} columns`);
  assert.ok(!error().includes("\n"));
});

Deno.test("the moving line leaves also when the work fails", async () => {
  const { screen, error } = openScreen({ terminal: true });
  await assert.rejects(screen.during("waiting", () => Promise.reject(new Error("broken"))), { message: "broken" });
  assert.ok(error().endsWith("\r\x1b[K"));
});

Deno.test("formatMs() has as many digits as matter", () => {
  assert.deepEqual([0.4, 84.2, 1_620, 75_300].map(formatMs), ["0 ms", "84 ms", "1.62 s", "75 s"]);
});
