/** As much of an OpenAPI 3.0 document as the rules look at. */

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

export interface MediaType {
  readonly schema?: Schema;
  readonly example?: Json;
  readonly examples?: Readonly<Record<string, { readonly value: Json }>>;
}

export interface Header {
  readonly description?: string;
  readonly schema?: Schema;
}

export interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema?: Schema;
}

export interface Response {
  readonly description: string;
  readonly headers?: Readonly<Record<string, Header>>;
  readonly content?: Readonly<Record<string, MediaType>>;
}

export interface Operation {
  readonly operationId?: string;
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly parameters?: readonly Parameter[];
  readonly responses: Readonly<Record<string, Response>>;
}

export interface Schema {
  readonly $ref?: string;
  readonly example?: Json;
  readonly enum?: readonly Json[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
}

export interface OpenApiDocument {
  readonly tags?: readonly { readonly name: string; readonly description?: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

export interface PlacedOperation {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
  /** `get /files`. */
  readonly place: string;
}

export function operationsOf({ paths }: OpenApiDocument): PlacedOperation[] {
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({
      method,
      path,
      operation,
      place: `${method} ${path}`,
    })),
  );
}

/** Every object below a value, itself included, with the path that leads there. */
export function* objectsBelow(value: unknown, path = '#'): Generator<[object: Record<string, unknown>, path: string]> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield [value as Record<string, unknown>, path];
  for (const [name, each] of Object.entries(value)) yield* objectsBelow(each, `${path}/${name}`);
}

/** The codes that a problem's schema allows; undefined where it names none. */
export function codesIn(schema: Schema | undefined): readonly string[] | undefined {
  const parts = schema === undefined ? [] : [schema, ...(schema.allOf ?? [])];
  const codes = parts.map((part) => part.properties?.['code']?.enum).find((each) => each !== undefined);
  return codes?.map((code) => (typeof code === 'string' ? code : JSON.stringify(code)));
}
