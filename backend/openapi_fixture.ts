import assert, { deepEqual, equal, match } from "node:assert/strict";
import { Compile } from "typebox/schema";

/** A JSON schema, as far as our documents use its keywords. */
export interface Schema {
  $ref?: string;
  type?: string;
  enum?: string[];
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  minItems?: number;
  maxItems?: number;
}

type Content = Record<string, { schema: Schema; example?: unknown }>;

export interface Answer {
  description: string;
  content?: Content;
  headers?: Record<string, { required?: boolean; schema: Schema }>;
}

export interface Operation {
  operationId: string;
  summary: string;
  security?: Record<string, string[]>[];
  requestBody?: { content: Content };
  responses: Record<string, Answer | { $ref: string }>;
}

export interface Document {
  openapi: string;
  servers: { url: string }[];
  security: Record<string, string[]>[];
  paths: Record<string, Record<string, Operation>>;
  components: {
    schemas: Record<string, Schema>;
    responses: Record<string, Answer>;
    securitySchemes: Record<string, { type: string; openIdConnectUrl?: string }>;
  };
}

interface Requested {
  request(path: string): Response | Promise<Response>;
}

const PROBLEM: Answer = {
  description: "What no operation has to name: a path or a method that there is not.",
  content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
};

/** What an app promises by its OpenAPI document, and whether it keeps that. */
export class Contract {
  readonly #schemas: Record<string, Schema>;
  readonly #validators = new Map<string, (value: unknown) => [boolean, unknown[]]>();

  constructor(readonly document: Document) {
    this.#schemas = JSON.parse(JSON.stringify(document.components.schemas), (_key, value) => close(value));
  }

  static async of(app: Requested): Promise<Contract> {
    return new Contract(await (await app.request("/api/openapi.json")).json());
  }

  /** What a reference leads to; undefined when that is nothing. */
  resolve<Target>(ref: string): Target | undefined {
    const [start, ...steps] = ref.split("/");
    equal(start, "#", ref);
    return steps.reduce<unknown>((node, step) => (node as Record<string, unknown>)?.[step], this.document) as Target;
  }

  /** What is wrong with a value. Fields that the document does not name are: in answers of ours there are none. */
  errorsOf(schema: Schema, value: unknown): unknown[] {
    const key = JSON.stringify(schema);
    let validate = this.#validators.get(key);
    if (!validate) {
      const validator = Compile({ ...schema, components: { schemas: this.#schemas } });
      this.#validators.set(key, validate = (value) => validator.Errors(value));
    }
    return validate(value)[1];
  }

  /** @throws {AssertionError} unless the document names an answer to such a request that this one is */
  async assertKept(method: string, path: string, response: Response): Promise<void> {
    const answer = this.#answerTo(method, path, response.status);
    if (!answer) return;
    const what = `${method} ${path} ${response.status}`;
    for (const [name, { required, schema }] of Object.entries(answer.headers ?? {})) {
      const value = response.headers.get(name);
      assert(value !== null || !required, `${what} without ${name}`);
      if (value !== null && schema.type === "integer") match(value, /^\d+$/, what);
    }
    if (method === "HEAD") return;
    const body = await response.clone().text();
    if (!answer.content) return equal(body, "", what);
    const media = answer.content[response.headers.get("content-type") ?? ""];
    assert(media, `${what} as ${response.headers.get("content-type")}`);
    deepEqual({ what, errors: this.errorsOf(media.schema, JSON.parse(body)) }, { what, errors: [] });
  }

  /** Undefined for pages. */
  #answerTo(method: string, path: string, status: number): Answer | undefined {
    const operations = this.document.paths[path];
    if (!operations) return path.startsWith("/api/") ? PROBLEM : undefined;
    const operation = operations[method.toLowerCase()];
    if (!operation) return PROBLEM;
    const { responses } = operation;
    const answer = responses[status] ?? responses[`${Math.floor(status / 100)}XX`];
    assert(answer, `${method} ${path} answers ${status}, which the document does not name`);
    return "$ref" in answer ? this.resolve<Answer>(answer.$ref) : answer;
  }
}

const close = (node: unknown) =>
  (node as Schema | null)?.type === "object" && (node as Schema).properties
    ? { ...node as Schema, additionalProperties: false }
    : node;
