import Type from "typebox";
import { API_VERSION } from "./names.ts";
import { choice, flag, list, object, optional, text } from "./schema.ts";
import { API_NAME } from "./shared.ts";

/** What a command line sends to bind with a token of its own instead of a browser's login; never stored in a cluster. */
export const BindRequest = object(
  {
    kind: choice(["BindRequest"], "The kind."),
    apiVersion: choice([API_VERSION], "The version with its group."),
    sessionID: text("Made up by the command line; the answer repeats it.", { pattern: "^[0-9A-Za-z_-]{1,64}$" }),
    clusterID: text("Names the app cluster: base62 of a hash of the uid of its namespace `klutch-bind`.", {
      pattern: "^[0-9A-Za-z]{1,64}$",
    }),
    apis: list(text("`<resource>.<group>`", { pattern: API_NAME }), "What to bind.", {
      minItems: 1,
      maxItems: 50,
    }),
    dryRun: optional(flag("Tell what would be bound; nothing is made, and the answer holds no kubeconfig.")),
  },
  "What to bind, for whoever shows a token.",
  { title: "BindRequest" },
);
export type BindRequest = Type.Static<typeof BindRequest>;
