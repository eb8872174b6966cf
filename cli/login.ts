import { Deadline } from "../kube/deadline.ts";
import { messageOf } from "../kube/errors.ts";
import { parseJson } from "../kube/json.ts";
import { type BoundIdentity, decodeResponse, readBindingResponse } from "./binding_response.ts";
import { answerPage } from "./login_page.ts";
import { orAbort } from "./wait.ts";

/** A place on this machine where the browser brings the provider's answer. */
export interface Login extends AsyncDisposable {
  port: number;
  /**
   * The answer to this session's login.
   *
   * @throws {Error} when none comes in time, or one that cannot be accepted
   */
  answer(signal: AbortSignal): Promise<BoundIdentity>;
}

export interface LoginOptions {
  /** Only an answer that carries it is accepted. */
  sessionId: string;
  /** The answer may come without a credential. */
  isDryRun?: boolean;
  /**
   * Exchanges the one-time code that the browser brings for the text of the answer. Without it, the browser has to bring
   * the answer itself, as earlier providers let it.
   */
  redeem?: (code: string) => Promise<string>;
  /** Where the person may go on in the browser. */
  next?: URL;
  timeoutMs?: number;
  /** Told in words about calls that are of no use; the login goes on. */
  onUseless?: (why: string) => void;
}

const TIMEOUT_MS = 10 * 60_000;
const CALLBACK_PATH = "/callback";
/** How long a browser that keeps its connection open may delay the end of the login. */
const GRACE_MS = 500;

/** The URL that a person opens to log in and choose; its answer comes to `port` of this machine. */
export function loginUrl(
  start: URL,
  query: { port: number; sessionId: string; clusterId: string; codeChallenge?: string },
): URL {
  const url = new URL(start);
  url.searchParams.set("p", String(query.port));
  url.searchParams.set("s", query.sessionId);
  url.searchParams.set("c", query.clusterId);
  if (query.codeChallenge) url.searchParams.set("code_challenge", query.codeChallenge);
  url.searchParams.sort();
  return url;
}

/** Listens on a free loopback port until disposed; the first answer that can be read decides. */
export function openLogin(options: LoginOptions): Login {
  const { sessionId, isDryRun, redeem, next, timeoutMs = TIMEOUT_MS, onUseless = () => {} } = options;
  const { promise, resolve, reject } = Promise.withResolvers<BoundIdentity>();
  promise.catch(() => {}); // whoever calls `answer` gets it
  let settled = false;

  const handle = async (request: Request): Promise<Response> => {
    const url = new URL(request.url);
    // A page of the wild web could reach this port under a name of its own.
    if (!["localhost", "127.0.0.1", "[::1]"].includes(url.hostname)) return new Response("Not here\n", { status: 421 });
    if (url.pathname !== CALLBACK_PATH) return new Response("Not found\n", { status: 404 });
    if (request.method !== "GET") return new Response("Method not allowed\n", { status: 405 });
    if (settled) return new Response("Already authenticated");
    let document: unknown;
    try {
      const name = redeem ? "code" : "response";
      const parameter = url.searchParams.get(name);
      if (!parameter) throw new SyntaxError(`the ${name} is missing`);
      document = redeem ? parseJson(await redeem(parameter)) : await decodeResponse(parameter);
    } catch (error) {
      onUseless(`The browser came back with an answer that cannot be used: ${messageOf(error)}`);
      return answerPage(500, "That did not work", `internal error: ${messageOf(error)}. The login can be tried again.`);
    }
    if (settled) return new Response("Already authenticated"); // another call was faster meanwhile
    settled = true;
    try {
      resolve(readBindingResponse(document, sessionId, { isDryRun }));
    } catch (error) {
      reject(error);
      return answerPage(400, "This answer is refused", "Please head back to the command line: it says why.");
    }
    return answerPage(
      200,
      "You have been authenticated successfully!",
      "Please head back to the command line. This window can be closed.",
      next,
    );
  };

  const stop = new AbortController();
  const listen = (hostname: string, port: number) =>
    Deno.serve({
      hostname,
      port,
      signal: stop.signal,
      onListen: () => {},
      onError: () => new Response("", { status: 500 }),
    }, handle);
  const servers = [listen("127.0.0.1", 0)];
  const { port } = servers[0]!.addr as Deno.NetAddr;
  try {
    servers.push(listen("::1", port)); // browsers may take localhost for this one
  } catch {
    // no IPv6 here, or the port is taken there: browsers then fall back to IPv4
  }

  return {
    port,
    async answer(signal) {
      using deadline = new Deadline(timeoutMs, signal);
      try {
        return await orAbort(promise, deadline.signal);
      } catch (error) {
        if (signal.aborted || !deadline.signal.aborted) throw error;
        throw new Error(`Cannot log in: no answer came from the browser within ${timeoutMs / 60_000} minutes`);
      }
    },
    async [Symbol.asyncDispose]() {
      const timer = setTimeout(() => stop.abort(), GRACE_MS);
      await Promise.all(servers.map((server) => server.shutdown()));
      clearTimeout(timer);
    },
  };
}
