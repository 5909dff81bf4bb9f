/**
 * What we ask of our API's description beyond that it is well formed: nothing without a name and a sentence, every error
 * with the codes that clients branch on, nothing that nobody uses, and examples that are what they are examples of.
 */
import { codesIn, objectsBelow, operationsOf } from './document.js';
import type { Json, MediaType, OpenApiDocument, Parameter, PlacedOperation, Response } from './document.js';
import { Schemas } from './schemas.js';

export const PROBLEM = 'application/problem+json';

/** Headers without which an answer of this status is of no use to its client. */
const OWED_HEADERS: Readonly<Record<string, string>> = {
  201: 'Location',
  401: 'WWW-Authenticate',
  416: 'Content-Range',
  429: 'Retry-After',
};

export interface LintOptions {
  readonly statusByCode: Readonly<Record<string, number>>;
  /** Errors that are answered with something else than a problem, as `get /ready 503`. */
  readonly otherErrors: readonly string[];
}

/** One sentence for each fault; empty for a document without any. */
export function lintOpenApi(document: OpenApiDocument, options: LintOptions): string[] {
  const operations = operationsOf(document);
  const { unused, missing } = danglingReferences(document);
  return [
    ...operations.flatMap((placed) => operationFaults(placed, document)),
    ...repeated(operations.map(({ operation }) => operation.operationId)).map(
      (id) => `operationId ${id} is not unique`,
    ),
    ...operations.flatMap(({ path, place, operation }) => parameterFaults(path, place, operation.parameters ?? [])),
    ...operations.flatMap((placed) => responseFaults(placed, options)),
    ...unused.map((reference) => `${reference} is not used`),
    // An example can be held only against a schema that is there.
    ...(missing.length > 0 ? missing.map((reference) => `${reference} does not exist`) : exampleFaults(document)),
  ];
}

function operationFaults({ operation, place }: PlacedOperation, document: OpenApiDocument): string[] {
  const { operationId, summary, tags = [], responses } = operation;
  const described = new Set(document.tags?.filter(({ description }) => isText(description)).map(({ name }) => name));
  return [
    ...(isText(operationId) ? [] : [`${place} has no operationId`]),
    ...(isText(summary) ? [] : [`${place} has no summary`]),
    ...(tags.length > 0 ? [] : [`${place} has no tag`]),
    ...tags.filter((tag) => !described.has(tag)).map((tag) => `${place}: the tag ${tag} is not described`),
    ...(Object.keys(responses).some((status) => /^[23]/.test(status)) ? [] : [`${place} never succeeds`]),
  ];
}

function parameterFaults(path: string, place: string, parameters: readonly Parameter[]): string[] {
  const inPath = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name!);
  const given = parameters.filter((parameter) => parameter.in === 'path' && parameter.required === true);
  return [
    ...inPath
      .filter((name) => !given.some((parameter) => parameter.name === name))
      .map((name) => `${place}: the path parameter ${name} is not documented`),
    ...given.filter(({ name }) => !inPath.includes(name)).map(({ name }) => `${place}: the path has no ${name}`),
    ...parameters.filter(({ schema }) => schema === undefined).map(({ name }) => `${place}: ${name} has no schema`),
    ...parameters
      .filter(({ description }) => !isText(description))
      .map(({ name }) => `${place}: ${name} is not described`),
  ];
}

function responseFaults({ method, operation, place }: PlacedOperation, options: LintOptions): string[] {
  return Object.entries(operation.responses).flatMap(([status, response]) => {
    const here = `${place} ${status}`;
    const { description, headers = {}, content = {} } = response;
    const owed = OWED_HEADERS[status];
    const isBodiless = method === 'head' || status === '204' || status === '304';
    return [
      ...(isText(description) ? [] : [`${here} is not described`]),
      ...(owed === undefined || owed in headers ? [] : [`${here} lacks the header ${owed}`]),
      ...Object.entries(headers)
        .filter(([, header]) => !isText(header.description) || header.schema === undefined)
        .map(([name]) => `${here}: the header ${name} is not described`),
      ...(isBodiless === Object.keys(content).length > 0 ? [`${here} ${isBodiless ? 'has' : 'lacks'} a body`] : []),
      ...(isBodiless || !/^[45]/.test(status) || options.otherErrors.includes(here)
        ? []
        : problemFaults({ here, status: Number(status), response, options })),
    ];
  });
}

interface ErrorResponse {
  readonly here: string;
  readonly status: number;
  readonly response: Response;
  readonly options: LintOptions;
}

function problemFaults({ here, status, response: { content = {} }, options }: ErrorResponse): string[] {
  const codes = codesIn(content[PROBLEM]?.schema) ?? [];
  return [
    ...(Object.keys(content).join() === PROBLEM ? [] : [`${here} is not ${PROBLEM} alone`]),
    ...(codes.length > 0 ? [] : [`${here} does not say which codes it can have`]),
    ...codes
      .filter((code) => options.statusByCode[code] !== status)
      .map((code) => `${here}: ${code} has another status`),
  ];
}

function danglingReferences(document: OpenApiDocument): { unused: string[]; missing: string[] } {
  const known = Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`);
  const used = new Set([...objectsBelow(document)].flatMap(([{ $ref }]) => (typeof $ref === 'string' ? [$ref] : [])));
  return {
    unused: known.filter((reference) => !used.has(reference)),
    missing: [...used].filter((reference) => !known.includes(reference)),
  };
}

function exampleFaults(document: OpenApiDocument): string[] {
  const schemas = new Schemas(document);
  return [...objectsBelow(document)].flatMap(([object, path]) => {
    // Below an example stands data, and what is called a schema there is none.
    if (/\/(example|examples\/[^/]+\/value)(\/|$)/.test(path)) return [];
    const { schema, example, examples = {} } = object as MediaType;
    const values: Json[] = [example, ...Object.values(examples).map(({ value }) => value)].filter(
      (value) => value !== undefined,
    );
    const against = schema ?? object;
    return values.flatMap((value) => schemas.faultsOf(value, against).map((fault) => `${path}: its example: ${fault}`));
  });
}

function isText(text: string | undefined): boolean {
  return text !== undefined && text.trim() !== '';
}

function repeated(names: ReadonlyArray<string | undefined>): string[] {
  const texts = names.filter((name) => name !== undefined);
  return [...new Set(texts.filter((name, index) => texts.indexOf(name) !== index))];
}
