import { APIOfferList } from "../crds/api_offer_list.ts";
import { BindRequest } from "../crds/bind_request.ts";
import { BindingProvider } from "../crds/binding_provider.ts";
import { BindingResponse } from "../crds/binding_response.ts";
import { CodeRedemption } from "../crds/code_redemption.ts";
import { Problem } from "../crds/problem.ts";
import type { AppDeps } from "./app.ts";
import { LONGEST_TOKEN } from "./bearer.ts";
import { LONGEST_BODY, LONGEST_URL } from "./query.ts";

/** What the document says about a route that programs call; stands beside the route. */
export interface Operation {
  operationId: string;
  summary: string;
  description?: string;
  /** Empty where no token is needed. */
  security?: [];
  requestBody?: { required: true; content: Content };
  responses: Responses;
}

type Content = Record<string, { schema: unknown; example?: unknown }>;
type Answer = { description: string; content?: Content; headers?: Record<string, unknown> };
type Responses = Record<string, Answer | { $ref: string }>;

const SCHEMAS = { APIOfferList, BindRequest, BindingProvider, BindingResponse, CodeRedemption, Problem };

const schemaRef = (name: keyof typeof SCHEMAS) => ({ $ref: `#/components/schemas/${name}` });

/** A required request body of one of the shapes in `crds/`. */
export const bodyOf = (name: keyof typeof SCHEMAS, type: string, example: unknown): Operation["requestBody"] => ({
  required: true,
  content: { [type]: { schema: schemaRef(name), example } },
});

/** An answer of one of the shapes in `crds/`. */
export const answerOf = (name: keyof typeof SCHEMAS, description: string): Answer => ({
  description,
  content: { "application/json": { schema: schemaRef(name) } },
});

const PROBLEMS = {
  400: { description: "The request is not what it should be." },
  401: {
    description: "There is no token in the header, or it is not good.",
    headers: {
      "www-authenticate": {
        description: '`Bearer`, with `error="invalid_token"` for one that is not good (RFC 6750).',
        required: true,
        schema: { type: "string" },
      },
    },
  },
  403: { description: "Whoever it is, they may not use this provider, or bind no more app clusters." },
  404: { description: "An API is not on offer to whoever asks." },
  408: { description: "The body took too long." },
  413: { description: `The body is longer than ${LONGEST_BODY} bytes.` },
  414: { description: `The address is longer than ${LONGEST_URL} characters.` },
  415: { description: "The body is of another content type." },
  429: {
    description: "The same network asks, or the same identity binds, too often.",
    headers: retryAfter({ required: true }),
  },
  503: { description: "The provider, its cluster or its issuer is not there at the moment.", headers: retryAfter() },
  "5XX": { description: "Something is wrong on the provider's side; `requestId` finds it in the log." },
} satisfies Record<string, Answer>;

function retryAfter(options: { required?: true } = {}) {
  return { "retry-after": { description: "Seconds to wait.", ...options, schema: { type: "integer" } } };
}

/** Refusals by problem documents, besides those that every route has. */
export const problems = (...statuses: (keyof typeof PROBLEMS)[]): Responses =>
  Object.fromEntries([...statuses, 414, 503, "5XX"].map((status) => [
    status,
    { $ref: `#/components/responses/Problem${status}` },
  ]));

/** A route as the document knows it. */
export interface DescribedRoute {
  method: "GET" | "POST";
  path: string;
  operation: Operation;
}

/** The OpenAPI document (3.1) of the routes that programs call, as JSON. */
export function openApiDocument(
  routes: readonly DescribedRoute[],
  { prettyName, version, urls, tokenOffer }: Pick<AppDeps, "prettyName" | "version" | "urls" | "tokenOffer">,
): string {
  const issuer = tokenOffer && {
    type: "openIdConnect",
    description: "The issuer whose tokens are taken.",
    openIdConnectUrl: `${tokenOffer.issuerURL.replace(/\/$/, "")}/.well-known/openid-configuration`,
  };
  const document = {
    openapi: "3.1.0",
    info: {
      title: prettyName,
      version,
      description: "What command lines and other programs ask the Klutch backend. Whatever is no HTTP request to a " +
        "named host is refused before, with 400, 414 or 431 and at most a line of text.",
    },
    servers: [{ url: new URL(".", urls.response).href.replace(/\/$/, "") }],
    security: [{ bearer: [] }, ...(issuer ? [{ issuer: [] }] : [])],
    paths: Object.fromEntries(routes.map(({ method, path, operation }) => [path, {
      [method.toLowerCase()]: operation,
    }])),
    components: {
      schemas: SCHEMAS,
      responses: Object.fromEntries(
        Object.entries(PROBLEMS).map(([status, answer]) => [`Problem${status}`, {
          ...answer,
          content: { "application/problem+json": { schema: schemaRef("Problem") } },
        }]),
      ),
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          bearerFormat: "JWT",
          description: `A token of an issuer that the provider trusts; at most ${LONGEST_TOKEN} characters.`,
        },
        ...(issuer && { issuer }),
      },
    },
  };
  // Those keywords are for API servers.
  return JSON.stringify(document, (key, value) => key.startsWith("x-kubernetes-") ? undefined : value);
}
