import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Condition,
  conditionFalse,
  type ConditionState,
  conditionTrue,
  findCondition,
  isTrue,
  sameConditions,
  setCondition,
  summarize,
} from "./conditions.ts";

const EARLIER = "2025-06-01T12:00:00Z";
const NOW = new Date("2026-01-01T00:00:00.987Z");
const NOW_TEXT = "2026-01-01T00:00:00Z";

const was = (state: ConditionState): Condition => ({ lastTransitionTime: EARLIER, ...state });
const broken = conditionFalse("SecretValid", "KubeconfigSecretNotFound", "Error", "no such Secret");

const transitions: [name: string, before: ConditionState, after: ConditionState, moves: boolean][] = [
  ["nothing", broken, { ...broken }, false],
  ["the status", broken, conditionTrue("SecretValid"), true],
  ["only the reason", broken, { ...broken, reason: "Other" }, true],
  ["only the severity", broken, { ...broken, severity: "Warning" }, true],
  ["only the message", broken, { ...broken, message: "still no such Secret" }, true],
  ["an absent reason to an empty one", conditionTrue("A"), { ...conditionTrue("A"), reason: "", message: "" }, false],
];
for (const [name, before, after, moves] of transitions) {
  Deno.test(`setCondition() ${moves ? "moves" : "keeps"} the time when the writer changes ${name}`, () => {
    assert.deepEqual(setCondition([was(before)], after, NOW), [
      { ...after, lastTransitionTime: moves ? NOW_TEXT : EARLIER },
    ]);
  });
}

Deno.test("setCondition() gives a new condition the time it brings, or now in whole seconds", () => {
  assert.deepEqual(setCondition(undefined, conditionTrue("A"), NOW), [
    { type: "A", status: "True", lastTransitionTime: NOW_TEXT },
  ]);
  const [copied] = setCondition([], { ...conditionTrue("A"), lastTransitionTime: EARLIER }, NOW);
  assert.equal(copied?.lastTransitionTime, EARLIER);
});

Deno.test("setCondition() leaves no reason behind when all is well again", () => {
  assert.deepEqual(setCondition([was(broken)], conditionTrue("SecretValid"), NOW), [
    { type: "SecretValid", status: "True", lastTransitionTime: NOW_TEXT },
  ]);
});

Deno.test("setCondition() puts Ready first and sorts the others as Go does", () => {
  const types = ["Connected", "Ready", "aLowerCase", "Zulu", "Alpha"];
  let conditions: Condition[] = [];
  for (const type of types) conditions = setCondition(conditions, conditionTrue(type), NOW);
  assert.deepEqual(conditions.map(({ type }) => type), ["Ready", "Alpha", "Connected", "Zulu", "aLowerCase"]);
});

const error = conditionFalse("E", "Failed", "Error", "cannot");
const warning = conditionFalse("W", "Shaky", "Warning", "maybe");
const info = conditionFalse("I", "Pending", "Info", "soon");
const unknown: ConditionState = { type: "U", status: "Unknown", reason: "NotSeen", message: "nobody looked" };
const fine = conditionTrue("T");
const plain: ConditionState = { type: "P", status: "False", reason: "Broken", message: "no severity here" };

const summaries: [name: string, states: ConditionState[], ready: Partial<Condition>][] = [
  ["an error above all", [fine, info, warning, error, unknown], {
    status: "False",
    severity: "Error",
    reason: "Failed",
    message: "cannot",
  }],
  ["a warning above what only takes time", [fine, info, warning], {
    status: "False",
    severity: "Warning",
    reason: "Shaky",
    message: "maybe",
  }],
  ["what takes time above what is well", [fine, info], {
    status: "False",
    severity: "Info",
    reason: "Pending",
    message: "soon",
  }],
  ["what is well above what is unknown", [fine, unknown], { status: "True" }],
  ["the unknown when nothing else is there", [unknown], {
    status: "Unknown",
    reason: "NotSeen",
    message: "nobody looked",
  }],
  ["the first by type among equals", [{ ...error, type: "Z", reason: "Later" }, error], {
    status: "False",
    severity: "Error",
    reason: "Failed",
    message: "cannot",
  }],
  ["a False without severity above a warning", [fine, warning, plain], {
    status: "False",
    reason: "Broken",
    message: "no severity here",
  }],
  ["an error above a False without severity", [plain, error], {
    status: "False",
    severity: "Error",
    reason: "Failed",
    message: "cannot",
  }],
];
for (const [name, states, ready] of summaries) {
  Deno.test(`summarize() puts ${name}`, () => {
    const summary = summarize(states.map(was), NOW);
    assert.deepEqual(summary[0], { type: "Ready", ...ready, lastTransitionTime: NOW_TEXT });
    assert.equal(summary.length, states.length + 1);
  });
}

Deno.test("summarize() has nothing to say without conditions, and keeps a lone Ready", () => {
  assert.deepEqual(summarize(undefined, NOW), []);
  const pending = was(conditionFalse("Ready", "Pending", "Info", "Pending"));
  assert.deepEqual(summarize([pending], NOW), [pending]);
});

Deno.test("isTrue() is false for what is False, Unknown or missing", () => {
  assert.equal(isTrue([was(fine)], "T"), true);
  assert.equal(isTrue([was(error), was(unknown)], "E"), false);
  assert.equal(isTrue([was(unknown)], "U"), false);
  assert.equal(isTrue(undefined, "T"), false);
});

Deno.test("sameConditions() looks at what is said, not at order and times", () => {
  assert.ok(sameConditions([was(fine), was(error)], [error, fine]));
  assert.ok(sameConditions(undefined, []));
  assert.ok(!sameConditions([fine], [fine, error]));
  assert.ok(!sameConditions([fine, error], [fine, warning]));
  assert.ok(!sameConditions([error], [{ ...error, message: "cannot any more" }]));
});

const state = fc.record<ConditionState>({
  type: fc.constantFrom("Ready", "A", "B", "C", "D"),
  status: fc.constantFrom("True", "False", "Unknown"),
  severity: fc.constantFrom("Error", "Warning", "Info", undefined),
  reason: fc.constantFrom("One", "Two", undefined),
  message: fc.constantFrom("so", "otherwise", undefined),
});
const history = fc.array(fc.oneof(state, fc.constant("summarize" as const)), { maxLength: 25 });

function play(steps: (ConditionState | "summarize")[]): Condition[] {
  let conditions: Condition[] = [];
  for (const [second, step] of steps.entries()) {
    const now = new Date(Date.UTC(2026, 0, 1, 0, 0, second));
    const before = structuredClone(conditions);
    const after = step === "summarize" ? summarize(conditions, now) : setCondition(conditions, step, now);
    assert.deepEqual(conditions, before, "the list handed in is not changed");
    for (const condition of after) {
      const old = findCondition(before, condition.type);
      const same = old && sameConditions([old], [condition]);
      const time = now.toISOString().replace(".000", "");
      assert.equal(condition.lastTransitionTime, same ? old.lastTransitionTime : time);
    }
    conditions = after;
  }
  return conditions;
}

Deno.test("conditions keep their rules through any history", () => {
  fc.assert(fc.property(history, (steps) => {
    const conditions = play(steps);
    const types = conditions.map(({ type }) => type);
    assert.equal(new Set(types).size, types.length, "one condition per type");
    assert.deepEqual(types, [...types].sort((a, b) => a === "Ready" ? -1 : b === "Ready" ? 1 : a < b ? -1 : 1));
    const later = new Date("2030-01-01T00:00:00Z");
    for (const condition of conditions) assert.deepEqual(setCondition(conditions, condition, later), conditions);
    const summary = summarize(conditions, later);
    assert.deepEqual(summarize(summary, later), summary);
  }));
});

Deno.test("summarize() says Ready exactly when something is True and nothing False", () => {
  fc.assert(fc.property(history, (steps) => {
    const others = play(steps).filter(({ type }) => type !== "Ready");
    fc.pre(others.length > 0);
    const statuses = new Set(others.map(({ status }) => status));
    assert.equal(isTrue(summarize(others, NOW), "Ready"), statuses.has("True") && !statuses.has("False"));
    assert.deepEqual(summarize(others.toReversed(), NOW), summarize(others, NOW), "whatever the order on the wire");
  }));
});
