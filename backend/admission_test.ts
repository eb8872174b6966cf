import { equal } from "node:assert/strict";
import { type Admission, isAdmitted, type Person } from "./admission.ts";

const TEAM: Admission = { groups: ["dev"], users: ["42", "jane@example.com"] };
const cases: [name: string, admission: Admission, person: Person, admitted: boolean][] = [
  ["everybody where nobody is named", { groups: [], users: [] }, { subject: "x" }, true],
  ["a member of a group", TEAM, { subject: "x", groups: ["ops", "dev"] }, true],
  ["a user by subject", TEAM, { subject: "42" }, true],
  ["a user by verified e-mail", TEAM, { subject: "x", email: "jane@example.com", emailVerified: true }, true],
  ["no user by an e-mail that anybody could claim", TEAM, { subject: "x", email: "jane@example.com" }, false],
  ["nobody else", TEAM, { subject: "x", groups: ["ops"] }, false],
  ["nobody whose subject is a group's name", TEAM, { subject: "dev" }, false],
  ["nobody whose group is a user's name", TEAM, { subject: "x", groups: ["42"] }, false],
];
for (const [name, admission, person, admitted] of cases) {
  Deno.test(`isAdmitted() lets in ${name}`, () => equal(isAdmitted(admission, person), admitted));
}
