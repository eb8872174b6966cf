import { choice, object, optional, text } from "./schema.ts";

/** The form with which a command line fetches its BindingResponse after a login by browser. */
export const CodeRedemption = object(
  {
    code: text("The one-time code that the browser brought.", { maxLength: 8192 }),
    code_verifier: text("Its hash is the `code_challenge` that the login began with (RFC 7636, S256).", {
      pattern: "^[0-9A-Za-z._~-]{43,128}$",
    }),
    dry_run: optional(choice(
      ["true", "false"],
      "Tell what would be bound; nothing is made, the code stays good, and the answer holds no kubeconfig.",
    )),
  },
  "A one-time code and the proof of who may redeem it.",
  { title: "CodeRedemption" },
);
