import type { Context } from "hono";
import type { AppDeps, AppEnv } from "./app.ts";
import type { DescribedRoute, Operation } from "./openapi.ts";
import { ASSETS } from "./pages/assets.ts";
import { assetRoute } from "./routes/assets.ts";
import { authorizeRoute } from "./routes/authorize.ts";
import { bindRoute } from "./routes/bind.ts";
import { callbackRoute } from "./routes/callback.ts";
import { clusterEventsRoute, clustersRoute } from "./routes/clusters.tsx";
import { exportOperation, exportRoute } from "./routes/export.ts";
import { logoutRoute } from "./routes/logout.tsx";
import { openApiOperation, openApiRoute } from "./routes/openapi.ts";
import { resourceRoute } from "./routes/resource.tsx";
import { resourcesRoute } from "./routes/resources.ts";
import { responseOperation, responseRoute } from "./routes/response.ts";
import { tokenApisOperation, tokenApisRoute } from "./routes/token_apis.ts";
import { tokenBindOperation, tokenBindRoute } from "./routes/token_bind.ts";

/** One address of the public listener. */
export interface Route {
  method: "GET" | "POST";
  path: string;
  serve: (deps: AppDeps) => (c: Context<AppEnv>) => Response | Promise<Response>;
  /** Answers, and works for, people that have not logged in: how often one address may ask is limited. */
  isOpen?: true;
  /** Of an address that programs call: refused requests get problem documents, others a page. */
  operation?: Operation;
}

/** The same for everybody; answered as soon as we listen, and kept by browsers. */
export const STATIC_ROUTES: readonly Route[] = [
  ...[...ASSETS.keys()].map((path): Route => ({ method: "GET", path, serve: () => assetRoute })),
  {
    method: "GET",
    path: "/api/openapi.json",
    serve: openApiRoute(() => ROUTES.filter((route): route is Route & DescribedRoute => route.operation !== undefined)),
    operation: openApiOperation,
  },
];

/** Answered once cluster and issuer have been reached, and never kept. */
export const LIVE_ROUTES: readonly Route[] = [
  { method: "GET", path: "/export", serve: exportRoute, isOpen: true, operation: exportOperation },
  { method: "GET", path: "/authorize", serve: authorizeRoute, isOpen: true },
  { method: "GET", path: "/callback", serve: callbackRoute, isOpen: true },
  { method: "GET", path: "/resources", serve: resourcesRoute },
  { method: "GET", path: "/resource", serve: resourceRoute },
  { method: "GET", path: "/clusters", serve: clustersRoute },
  { method: "GET", path: "/clusters/events", serve: clusterEventsRoute },
  { method: "GET", path: "/logout", serve: logoutRoute },
  { method: "GET", path: "/bind", serve: bindRoute },
  { method: "POST", path: "/response", serve: responseRoute, isOpen: true, operation: responseOperation },
  { method: "POST", path: "/api/bind", serve: tokenBindRoute, isOpen: true, operation: tokenBindOperation },
  { method: "GET", path: "/api/apis", serve: tokenApisRoute, isOpen: true, operation: tokenApisOperation },
];

const ROUTES = [...STATIC_ROUTES, ...LIVE_ROUTES];
const BY_PATH = new Map(ROUTES.map((route) => [route.path, route]));

/** The route of a path, whatever its method. */
export const routeAt = (path: string): Route | undefined => BY_PATH.get(path);

/** Whether programs ask for this path, and not browsers. */
export const isForPrograms = (path: string): boolean => path.startsWith("/api/") || !!routeAt(path)?.operation;
