import type Type from "typebox";
import { int32, object, text } from "./schema.ts";

/** Why a request is not granted, as a problem document (RFC 9457) whose `type` is `about:blank`. */
export const Problem = object(
  {
    title: text("What is wrong, in a few words."),
    status: int32("The status of the answer."),
    detail: text("What is wrong and what to do, in sentences for people."),
    requestId: text("Finds the request in the provider's log; also in the header `x-request-id`."),
  },
  "Why a request is not granted (RFC 9457).",
  { title: "Problem" },
);
export type Problem = Type.Static<typeof Problem>;
