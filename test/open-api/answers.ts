/** Whether an answer is one that the description of its route promises: status, headers, type, members, code. */
import { codesIn } from './document.js';
import type { OpenApiDocument, Response } from './document.js';
import { PROBLEM } from './lint.js';
import { Schemas } from './schemas.js';

export interface GivenAnswer {
  readonly method: string;
  /** As the document writes it: `/files/{file_id}`. */
  readonly route: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
}

/** OpenAPI lets no response object have these, or every answer has them. */
const ELSEWHERE = ['content-type', 'content-length', 'transfer-encoding', 'date', 'connection', 'keep-alive'];

export class DescribedAnswers {
  readonly #document: OpenApiDocument;
  readonly #schemas: Schemas;

  constructor(document: OpenApiDocument) {
    this.#document = document;
    this.#schemas = new Schemas(document);
  }

  /** One sentence for each thing that the document does not tell; empty where it tells everything. */
  untoldOf({ method, route, status, headers, body }: GivenAnswer): string[] {
    const response = this.#document.paths[route]?.[method.toLowerCase()]?.responses[status];
    if (response === undefined) return [`the status ${status}`];
    const named = Object.keys(response.headers ?? {}).map((name) => name.toLowerCase());
    const untold = Object.keys(headers)
      .filter((name) => !named.includes(name) && !ELSEWHERE.includes(name))
      .map((name) => `the header ${name}`);
    return body.length === 0 ? untold : [...untold, ...this.#untoldInBody(response, { type: typeIn(headers), body })];
  }

  #untoldInBody({ content = {} }: Response, { type, body }: { type: string; body: Buffer }): string[] {
    const schema = content[type]?.schema;
    // The bytes of a file, which say nothing of themselves.
    if (schema === undefined) return '*/*' in content ? [] : [`the type ${type}`];
    if (!type.endsWith('json')) return [];
    const value = JSON.parse(body.toString('utf8')) as { code?: string };
    const isCodeTold = type !== PROBLEM || codesIn(schema)?.includes(value.code ?? '') === true;
    return isCodeTold ? this.#schemas.faultsOf(value, schema) : [`the code ${value.code}`];
  }
}

const typeIn = (headers: GivenAnswer['headers']): string => String(headers['content-type']).split(';')[0]!;
