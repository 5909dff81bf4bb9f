/** Holds values against the schemas of a document, which are those of OpenAPI 3.0 and not quite JSON Schema. */
import { Ajv } from 'ajv';
import type { Json, OpenApiDocument, Schema } from './document.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export class Schemas {
  readonly #ajv = new Ajv({ strict: false, allErrors: true, formats: { uuid: UUID, binary: true } });

  constructor(document: OpenApiDocument) {
    this.#ajv.addSchema({ $id: 'document', components: { schemas: toJsonSchema(document.components.schemas) } });
  }

  /** What is wrong with the value; empty where it matches. */
  faultsOf(value: unknown, schema: Schema): string[] {
    const validate = this.#ajv.compile(toJsonSchema(schema) as object);
    if (validate(value)) return [];
    return (validate.errors ?? []).map(({ instancePath, message, params }) => {
      const member: unknown = params['additionalProperty'];
      return `${instancePath || 'it'} ${message}${typeof member === 'string' ? `: ${member}` : ''}`;
    });
  }
}

/** `nullable` becomes a choice, and an object has no member that it does not name, unless it says so. */
function toJsonSchema(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toJsonSchema);
  if (typeof value !== 'object' || value === null) return value;
  const { nullable, ...rest } = value as { nullable?: Json; [name: string]: unknown };
  const schema: Record<string, unknown> = {};
  for (const [name, each] of Object.entries(rest)) {
    schema[name] = name === '$ref' ? `document${String(each)}` : toJsonSchema(each);
  }
  if (schema['type'] === 'object' && 'properties' in schema) schema['additionalProperties'] ??= false;
  return nullable === true ? { anyOf: [{ type: 'null' }, schema] } : schema;
}
