import { join } from "node:path";
import { startGuarded } from "./guardian.ts";
import { freePort, HOST } from "./programs.ts";
import { waitUntilReady } from "./readiness.ts";

export interface KeycloakOptions {
  /** From `findKeycloak`. */
  program: string;
  /** For its data and log; removed by the caller. */
  directory: string;
  /** The same again after a restart, so that the issuer keeps its URL. */
  port?: number;
  progress?: (line: string) => void;
}

const ADMIN = { username: "admin", password: "of a test, on loopback only" };
/** As in Keycloak's own URL: its tables have columns named by a keyword of H2, and it closes the database itself. */
const H2_SETTINGS = "NON_KEYWORDS=VALUE;DB_CLOSE_ON_EXIT=FALSE;DB_CLOSE_DELAY=0";
const TIMEOUT_MS = 180_000;
const REQUEST_TIMEOUT_MS = 30_000;

/** A running Keycloak, with its administrators' API. */
export interface Keycloak extends AsyncDisposable {
  readonly port: number;
  /** What tokens of a realm carry as `iss`. */
  issuerUrl(realm: string): string;
  /** Calls the API below `/admin/realms`. @throws {Error} with what it answers when it refuses */
  admin(method: string, path: string, body: unknown, signal: AbortSignal): Promise<unknown>;
}

/**
 * Starts Keycloak on loopback, in 20 to 60 s; its realms stay in `directory`.
 *
 * @throws {Error} with its last lines when it is not ready in time
 */
export async function startKeycloak(
  { program, directory, port = freePort(), progress }: KeycloakOptions,
  signal: AbortSignal,
): Promise<Keycloak> {
  const url = `http://${HOST}:${port}`;
  const server = startGuarded({
    name: "keycloak",
    command: [
      ...["/bin/sh", join(program, "bin", "kc.sh"), "start", "--optimized", "--cache=local"],
      ...["--hostname-strict=false", "--http-enabled=true", `--http-host=${HOST}`, `--http-port=${port}`],
      `--db-url=jdbc:h2:file:${join(directory, "keycloak-data")};${H2_SETTINGS}`,
    ],
    logPath: join(directory, "keycloak.log"),
    env: {
      KC_BOOTSTRAP_ADMIN_USERNAME: ADMIN.username,
      KC_BOOTSTRAP_ADMIN_PASSWORD: ADMIN.password,
      JAVA_OPTS_KC_HEAP: "-Xms64m -Xmx512m",
    },
  });
  const request = async (path: string, init: RequestInit, signal: AbortSignal): Promise<unknown> => {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]);
    const response = await fetch(url + path, { ...init, signal: deadline });
    const text = await response.text();
    if (!response.ok) throw new Error(`Keycloak answered ${response.status} for ${init.method} ${path}: ${text}`);
    return text && JSON.parse(text);
  };
  const logIn = async (signal: AbortSignal): Promise<string> => {
    const body = new URLSearchParams({ grant_type: "password", client_id: "admin-cli", ...ADMIN });
    const path = "/realms/master/protocol/openid-connect/token";
    const { access_token } = await request(path, { method: "POST", body }, signal) as { access_token: string };
    return access_token;
  };
  try {
    const isReady = async (signal: AbortSignal) => Boolean(await logIn(signal));
    await waitUntilReady({ name: "Keycloak", processes: [server], isReady, timeoutMs: TIMEOUT_MS, progress }, signal);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return {
    port,
    issuerUrl: (realm) => `${url}/realms/${realm}`,
    admin: async (method, path, body, signal) =>
      await request(`/admin/realms${path}`, {
        method,
        headers: { "content-type": "application/json", authorization: `Bearer ${await logIn(signal)}` },
        body: body === undefined ? undefined : JSON.stringify(body),
      }, signal),
    [Symbol.asyncDispose]: () => server.stop(),
  };
}
