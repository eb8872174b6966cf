import { deepEqual, equal, rejects, throws } from "node:assert/strict";
import type { PermissionClaim } from "../crds/shared.ts";
import { answerClaims, checkPolicy, type ClaimPolicy, describeClaim } from "./permission_prompt.ts";
import { createTerminal, LineReader, type Terminal } from "./terminal.ts";

const never = new AbortController().signal;

const foo = (fields: Partial<PermissionClaim> = {}): PermissionClaim => ({
  group: "",
  resource: "foo",
  version: "v1",
  required: true,
  ...fields,
});
const provider = (fields: Partial<PermissionClaim> = {}) => foo({ selector: { owner: "Provider" }, ...fields });
const consumer = (fields: Partial<PermissionClaim> = {}) => foo({ selector: { owner: "Consumer" }, ...fields });

const WRITE = 'write foo objects (apiVersion: "v1") on your cluster.\n';
const READ = 'read foo objects (apiVersion: "v1") on your cluster.\n';
const BOTH = 'read and write foo objects (apiVersion: "v1") on your cluster.\n';
const DONATE = 'create user owned foo objects (apiVersion: "v1") on your cluster.\n';
const ADOPT = 'have ownership of foo objects (apiVersion: "v1") on your cluster.\n';
const NAMED = 'which are referenced with:\n\t- name: "bar"\non your cluster.\n';
const FIELDS =
  'The following fields of the objects will still be able to be changed by the provider:\n\t"foo"\n\t"bar"\n';
const SPEC = 'The following fields of the objects will still be able to be changed by the provider:\n\t"spec"\n';
const PRESERVING = 'The following fields of the objects will be preserved by the provider:\n\t"foo"\n\t"bar"\n';
const RECREATE = "Modification of said objects will be handled by deletion and recreation of said objects.\n";
const REPLACE = "Conflicting objects will be replaced by the provider. ";
const COMES_BACK = "Created objects will be recreated upon deletion. ";
const OPTIONAL = "optional";
const paths = ["foo", "bar"];

const cases: [name: string, claim: PermissionClaim, wish: string, optional?: typeof OPTIONAL][] = [
  ["owner Provider", provider(), WRITE],
  ["owner Provider, optional", provider({ required: false }), WRITE, OPTIONAL],
  ["owner Provider, required left out", provider({ required: undefined }), WRITE, OPTIONAL],
  [
    "owner Provider, a name",
    foo({ selector: { owner: "Provider", names: ["bar"] } }),
    `write foo objects (apiVersion: "v1") ${NAMED}`,
  ],
  [
    "owner Provider, two names",
    foo({ selector: { owner: "Provider", names: ["bar", "baz"] } }),
    'write foo objects (apiVersion: "v1") which are referenced with:\n\t- name: "bar"\n\t- name: "baz"\non your cluster.\n',
  ],
  [
    "owner Provider, a group",
    provider({ group: "example.com" }),
    'write foo objects (apiVersion: "example.com/v1") on your cluster.\n',
  ],
  [
    "owner Provider, a name and a group",
    foo({ group: "example.com", selector: { owner: "Provider", names: ["bar"] } }),
    `write foo objects (apiVersion: "example.com/v1") ${NAMED}`,
  ],
  ["owner Provider, empty create", provider({ create: {} }), WRITE],
  ["owner Provider, replaceExisting false", provider({ create: { replaceExisting: false } }), WRITE],
  ["owner Provider, replaceExisting", provider({ create: { replaceExisting: true } }), WRITE + REPLACE],
  ["owner Provider, autoDonate false", provider({ autoDonate: false }), WRITE],
  ["owner Provider, autoDonate", provider({ autoDonate: true }), DONATE],
  ["owner Provider, empty onConflict", provider({ onConflict: {} }), WRITE],
  ["owner Provider, recreate false", provider({ onConflict: { recreateWhenConsumerSideDeleted: false } }), WRITE],
  [
    "owner Provider, recreate",
    provider({ onConflict: { recreateWhenConsumerSideDeleted: true } }),
    WRITE + COMES_BACK,
  ],
  [
    "owner Provider, replaceExisting and recreate",
    provider({ create: { replaceExisting: true }, onConflict: { recreateWhenConsumerSideDeleted: true } }),
    WRITE + REPLACE + COMES_BACK,
  ],
  ["owner Provider, empty update", provider({ update: {} }), WRITE],
  ["owner Provider, update fields", provider({ update: { fields: paths } }), WRITE + FIELDS],
  ["owner Provider, update preserving", provider({ update: { preserving: paths } }), WRITE + PRESERVING],
  [
    "owner Provider, update fields and preserving",
    provider({ update: { fields: paths, preserving: paths } }),
    WRITE + FIELDS + PRESERVING,
  ],
  ["owner Provider, alwaysRecreate", provider({ update: { alwaysRecreate: true } }), WRITE + RECREATE],
  [
    "owner Provider, autoDonate, update fields",
    provider({ autoDonate: true, update: { fields: paths } }),
    DONATE + FIELDS,
  ],
  [
    "owner Provider, autoDonate, update preserving",
    provider({ autoDonate: true, update: { preserving: paths } }),
    DONATE + PRESERVING,
  ],
  ["owner Consumer", consumer(), READ],
  ["owner Consumer, optional", consumer({ required: false }), READ, OPTIONAL],
  [
    "owner Consumer, a name",
    foo({ selector: { owner: "Consumer", names: ["bar"] } }),
    `read foo objects (apiVersion: "v1") ${NAMED}`,
  ],
  [
    "owner Consumer, a group",
    consumer({ group: "example.com" }),
    'read foo objects (apiVersion: "example.com/v1") on your cluster.\n',
  ],
  [
    "owner Consumer, a name and a group",
    foo({ group: "example.com", selector: { owner: "Consumer", names: ["bar"] } }),
    `read foo objects (apiVersion: "example.com/v1") ${NAMED}`,
  ],
  ["owner Consumer, autoAdopt", consumer({ autoAdopt: true }), ADOPT],
  [
    "owner Consumer, a name, autoAdopt",
    foo({ selector: { owner: "Consumer", names: ["bar"] }, autoAdopt: true }),
    `have ownership of foo objects (apiVersion: "v1") ${NAMED}`,
  ],
  ["owner Consumer, empty onConflict", consumer({ onConflict: {} }), READ],
  ["owner Consumer, replaceExisting false", consumer({ create: { replaceExisting: false } }), READ],
  ["owner Consumer, replaceExisting", consumer({ create: { replaceExisting: true } }), READ + REPLACE],
  ["owner Consumer, empty update", consumer({ update: {} }), READ],
  ["owner Consumer, update fields", consumer({ update: { fields: paths } }), READ + FIELDS],
  ["owner Consumer, update preserving", consumer({ update: { preserving: paths } }), READ + PRESERVING],
  ["owner Consumer, alwaysRecreate", consumer({ update: { alwaysRecreate: true } }), READ + RECREATE],
  [
    "owner Consumer, autoAdopt, update fields",
    consumer({ autoAdopt: true, update: { fields: paths } }),
    ADOPT + FIELDS,
  ],
  [
    "owner Consumer, autoAdopt, update preserving",
    consumer({ autoAdopt: true, update: { preserving: paths } }),
    ADOPT + PRESERVING,
  ],
  ["no selector", foo(), BOTH],
  ["empty selector", foo({ selector: {} }), BOTH],
  [
    "no owner, a name",
    foo({ selector: { names: ["bar"] } }),
    `read and write foo objects (apiVersion: "v1") ${NAMED}`,
  ],
  ["no owner, autoDonate", foo({ selector: {}, autoDonate: true }), DONATE],
  [
    "no owner, autoDonate, update fields, optional",
    foo({ selector: {}, autoDonate: true, required: false, update: { fields: ["spec"] } }),
    DONATE + SPEC,
    OPTIONAL,
  ],
  ["no owner, autoAdopt", foo({ selector: {}, autoAdopt: true }), ADOPT],
  [
    "no owner, autoAdopt, update fields, optional",
    foo({ selector: {}, autoAdopt: true, required: false, update: { fields: ["spec"] } }),
    ADOPT + SPEC,
    OPTIONAL,
  ],
  [
    "as it comes from an API server, which fills in defaults",
    foo({
      resource: "secrets",
      selector: { names: ["*"], namespaces: ["*"], owner: "Provider" },
      onConflict: { recreateWhenConsumerSideDeleted: true },
      read: {},
      required: false,
    }),
    'write secrets objects (apiVersion: "v1") which are referenced with:\n\t- name: "*"\non your cluster.\n' +
    COMES_BACK,
    OPTIONAL,
  ],
  [
    "hostile text",
    foo({ resource: "foo\x1b[1A\x1b[2K", version: "v1\nYou may relax." }),
    'read and write foo [1A [2K objects (apiVersion: "v1 You may relax.") on your cluster.\n',
  ],
];
for (const [name, claim, wish, optional] of cases) {
  Deno.test(`describeClaim() words a claim with ${name}`, () => {
    const condition = optional ? "is optional." : "is required in order to proceed.";
    equal(
      describeClaim(claim),
      `The provider wants to ${wish}Accepting this Permission ${condition}\nDo you accept this Permission? [No,Yes]\n`,
    );
  });
}

const CONTEXT = { writeError: () => {}, env: {}, isTerminal: { stdin: false, stdout: false, stderr: false } };

function answering(input: string) {
  const shown: string[] = [];
  const lines = new LineReader(() => ReadableStream.from([new TextEncoder().encode(input)]));
  return { shown, terminal: createTerminal({ ...CONTEXT, writeOut: (text) => shown.push(text) }, lines) };
}

const answers = (claims: PermissionClaim[], terminal: Terminal, policy: ClaimPolicy = "ask") =>
  answerClaims({ name: "dbs.x.io", claims }, policy, terminal, never);
const states = async (claims: PermissionClaim[], input: string, policy?: ClaimPolicy) =>
  (await answers(claims, answering(input).terminal, policy)).map(({ state }) => state);

Deno.test("answerClaims() reads one line per claim out of a single pipe", async () => {
  deepEqual(await states([foo(), provider(), consumer()], "y\nn\nYes\n"), ["Accepted", "Rejected", "Accepted"]);
  deepEqual(await states([foo(), foo()], "  NO \r\n\tyEs"), ["Rejected", "Accepted"]);
  deepEqual(await states([], ""), []);
});

Deno.test("answerClaims() keeps the whole claim beside the answer", async () => {
  const [answered] = await answers([provider()], answering("y\n").terminal);
  deepEqual(answered, { ...provider(), state: "Accepted" });
});

Deno.test("answerClaims() asks again until it is yes or no", async () => {
  const { terminal, shown } = answering("\nmaybe\nyeah\ny\n");
  await answers([foo()], terminal);
  deepEqual(shown, Array(4).fill(describeClaim(foo())));
});

Deno.test("answerClaims() fails when the input ends early, naming the open question", async () => {
  await rejects(states([foo(), foo({ resource: "configmaps" })], "y\n"), /configmaps.*2 in all/);
  await rejects(states([foo()], "what?\n"), /input ended/);
  await rejects(states([foo()], ""), /input ended/);
});

Deno.test("answerClaims() asks nobody when the answers were given in advance", async () => {
  const claims = [foo(), provider({ required: false }), consumer({ resource: "bar", group: "x.io", required: false })];
  deepEqual(await states(claims, "", "all"), ["Accepted", "Accepted", "Accepted"]);
  deepEqual(await states(claims, "", "required"), ["Accepted", "Rejected", "Rejected"]);
  deepEqual(await states(claims, "", { names: ["bar.x.io"] }), ["Rejected", "Rejected", "Accepted"]);
  deepEqual(await states(claims, "", { names: ["foo"] }), ["Accepted", "Accepted", "Rejected"]);
  await rejects(states(claims, "", "unanswered"), /claims foo, and nobody is there to ask; .* --accept-claims/);
});

Deno.test("checkPolicy() refuses names that nobody claims", () => {
  throws(() => checkPolicy({ names: ["foo", "secrets"] }, [foo()]), /names secrets, and the provider claims foo$/);
  throws(() => checkPolicy({ names: ["secrets"] }, []), /claims nothing/);
  for (const policy of ["ask", "all", "required", { names: ["foo"] }] as const) checkPolicy(policy, [foo()]);
});
