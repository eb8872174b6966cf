/** Who may do something: members of one of the groups, and the users. Nobody named means everybody. */
export interface Admission {
  groups: readonly string[];
  /** Subjects or e-mail addresses. */
  users: readonly string[];
}

/** A person as far as admission goes. */
export interface Person {
  /** As the issuer calls the person. */
  subject: string;
  email?: string;
  /** Whether the issuer vouches for `email`: any other one may be anybody's. */
  emailVerified?: boolean;
  groups?: readonly string[];
}

/** Whether a person may. */
export function isAdmitted({ groups, users }: Admission, { subject, email, emailVerified, groups: own }: Person) {
  if (groups.length === 0 && users.length === 0) return true;
  if (users.includes(subject) || (emailVerified && email && users.includes(email))) return true;
  return own?.some((group) => groups.includes(group)) ?? false;
}
