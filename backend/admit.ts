import type { Identity } from "../oidc/identity.ts";
import { type Admission, isAdmitted, type Person } from "./admission.ts";
import type { Catalogue } from "./catalogue.ts";
import { Refusal } from "./refusal.ts";
import type { TokenBearer } from "./token_login.ts";

type AdmitDeps = { admission: Admission; catalogue: Pick<Catalogue, "admittedGroups"> };

/**
 * Lets in who may use this provider, with those groups that decide something here.
 *
 * @throws {Refusal}
 */
export function admit(
  { admission, catalogue }: AdmitDeps,
  { groups: all, ...identity }: Identity,
): Person & Identity {
  if (!isAdmitted(admission, { ...identity, groups: all })) {
    const message = "Your account is neither one of the users nor in one of the groups that may use this provider. " +
      "Ask whoever runs it.";
    throw new Refusal(403, "You may not use this provider", message);
  }
  const deciding = catalogue.admittedGroups();
  return { ...identity, groups: all?.filter((group) => deciding.has(group)) };
}

/** As `admit`, for whoever shows a token; programs that a flag names are in. @throws {Refusal} */
export const admitBearer = (deps: AdmitDeps, { identity, isNamed }: TokenBearer): Person & Identity =>
  isNamed ? identity : admit(deps, identity);
