import { describe, expect, it } from 'vitest';
import { DescribedAnswers } from './answers.js';
import type { OpenApiDocument } from './document.js';
import { lintOpenApi, PROBLEM } from './lint.js';

const OPTIONS = { statusByCode: { not_found: 404, broken: 500 }, otherErrors: ['get /ready 503'] };

const text = { type: 'string' };
const problem = (...codes: string[]) => ({
  schema: {
    allOf: [
      { $ref: '#/components/schemas/Problem' },
      { type: 'object', properties: { code: { enum: codes } }, additionalProperties: true },
    ],
  },
});

/** A document with nothing to be said against it. */
function sound() {
  return {
    tags: [{ name: 'files', description: 'Files.' }],
    paths: {
      '/files/{id}': {
        get: {
          operationId: 'describe',
          summary: 'Describe a file',
          tags: ['files'],
          parameters: [{ name: 'id', in: 'path', required: true, description: 'Its id.', schema: text }],
          responses: {
            200: {
              description: 'The file.',
              headers: { ETag: { description: 'Its digest.', schema: text } },
              content: {
                'application/json': { schema: { $ref: '#/components/schemas/File' }, example: { size: 1, hash: null } },
              },
            },
            404: { description: 'None.', headers: {}, content: { [PROBLEM]: problem('not_found') } },
          },
        },
      },
    },
    components: {
      schemas: {
        File: {
          type: 'object',
          required: ['size'],
          properties: { size: { type: 'integer', example: 3 }, hash: { type: 'string', nullable: true } },
        },
        Problem: { type: 'object', properties: { code: text }, additionalProperties: true },
      },
    },
  };
}

type Sound = ReturnType<typeof sound>;
type Get = Sound['paths']['/files/{id}']['get'];

const asDocument = (document: object): OpenApiDocument => document as OpenApiDocument;

/** What the rules say of the sound document after one change to its only operation, or to the whole of it. */
function faultsAfter(change: (get: Get, document: Sound) => unknown): string[] {
  const document = sound();
  change(document.paths['/files/{id}'].get, document);
  return lintOpenApi(asDocument(document), OPTIONS);
}

describe('lintOpenApi', () => {
  it('has nothing to say of a sound document', () => {
    expect(faultsAfter(() => undefined)).toEqual([]);
  });

  const faults: Array<[fault: string, change: (get: Get, document: Sound) => unknown, says: string]> = [
    ['no operationId', (get) => Reflect.deleteProperty(get, 'operationId'), 'has no operationId'],
    [
      'an operationId twice',
      (get, { paths }) => Object.assign(paths, { '/other': { get: { ...get, parameters: [] } } }),
      'operationId describe is not unique',
    ],
    ['an empty summary', (get) => (get.summary = ' '), 'has no summary'],
    ['no tag', (get) => (get.tags = []), 'has no tag'],
    ['a tag that nobody describes', (get) => get.tags.push('Files'), 'the tag Files is not described'],
    ['no success', (get) => Reflect.deleteProperty(get.responses, '200'), 'never succeeds'],
    ['a path parameter that is not documented', (get) => (get.parameters = []), 'the path parameter id is not'],
    ['a path parameter that may be left out', (get) => (get.parameters[0]!.required = false), 'the path parameter id'],
    ['a parameter of another path', (get) => get.parameters.push({ ...get.parameters[0]!, name: 'x' }), 'has no x'],
    ['a parameter without a word', (get) => (get.parameters[0]!.description = ''), 'id is not described'],
    ['a parameter of no type', (get) => Reflect.deleteProperty(get.parameters[0]!, 'schema'), 'id has no schema'],
    ['an empty description', (get) => (get.responses[200].description = ''), '200 is not described'],
    ['a header without a word', (get) => (get.responses[200].headers.ETag.description = ''), 'the header ETag'],
    ['no body', (get) => Object.assign(get.responses[200], { content: {} }), '200 lacks a body'],
    [
      'a body where none can be',
      (get) => Object.assign(get.responses, { 304: { description: 'x', content: get.responses[404].content } }),
      '304 has a body',
    ],
    ['a 201 that leads nowhere', (get) => Object.assign(get.responses, { 201: get.responses[200] }), 'header Location'],
    ['a 429 without an end', (get) => Object.assign(get.responses, { 429: get.responses[404] }), 'header Retry-After'],
    [
      'an error that is no problem',
      (get) => Object.assign(get.responses[404], { content: { 'application/json': problem('not_found') } }),
      `404 is not ${PROBLEM} alone`,
    ],
    [
      'an error without its codes',
      (get) => Object.assign(get.responses[404].content[PROBLEM], { schema: { $ref: '#/components/schemas/Problem' } }),
      '404 does not say which codes',
    ],
    [
      'a code of another status',
      (get) => Object.assign(get.responses[404].content, { [PROBLEM]: problem('not_found', 'broken') }),
      'broken has another status',
    ],
    [
      'a schema that nobody uses',
      (_get, { components }) => Object.assign(components.schemas, { Old: text }),
      '#/components/schemas/Old is not used',
    ],
    [
      'a schema that is not there',
      (_get, { components }) => Reflect.deleteProperty(components.schemas, 'File'),
      '#/components/schemas/File does not exist',
    ],
    [
      'an example of another type',
      (_get, { components }) => Object.assign(components.schemas.File.properties.size, { example: 'three' }),
      'size: its example: it must be integer',
    ],
    [
      'an example with a member of its own',
      (get) => Object.assign(get.responses[200].content['application/json'].example, { name: 'x' }),
      'must NOT have additional properties: name',
    ],
    [
      'a named example that lacks a member',
      (get) => Object.assign(get.responses[200].content['application/json'], { examples: { bad: { value: {} } } }),
      "must have required property 'size'",
    ],
  ];

  it.each(faults)('finds %s', (_fault, change, says) => {
    expect(faultsAfter(change).join('\n')).toContain(says);
  });

  it('lets an error be something else only where that is said', () => {
    const other = (get: Get) => ({
      [`get`]: {
        ...get,
        operationId: 'ready',
        parameters: [],
        responses: { ...get.responses, 503: { description: 'x', content: get.responses[200].content } },
      },
    });
    expect(faultsAfter((get, { paths }) => Object.assign(paths, { '/ready': other(get) }))).toEqual([]);
    expect(faultsAfter((get, { paths }) => Object.assign(paths, { '/other': other(get) }))).not.toEqual([]);
  });
});

describe('untoldOf', () => {
  const described = new DescribedAnswers(asDocument(sound()));
  const json = { 'content-type': 'application/json; charset=utf-8' };
  const found = {
    method: 'GET',
    route: '/files/{id}',
    status: 200,
    headers: { ...json, etag: '"x"', date: 'today' },
    body: Buffer.from('{"size":1}'),
  };
  const missing = { ...found, status: 404, headers: { 'content-type': PROBLEM } };

  it.each([
    ['what is described', found, []],
    ['a problem that is described', { ...missing, body: Buffer.from('{"code":"not_found","more":1}') }, []],
    ['a status', { ...found, status: 204 }, ['the status 204']],
    ['a header', { ...found, headers: { ...found.headers, 'x-more': '1' } }, ['the header x-more']],
    ['a type', { ...found, headers: { 'content-type': 'text/html' } }, ['the type text/html']],
    ['a code', { ...missing, body: Buffer.from('{"code":"broken"}') }, ['the code broken']],
    [
      'a member',
      { ...found, body: Buffer.from('{"size":1,"more":1}') },
      ['it must NOT have additional properties: more'],
    ],
    ['a type of a member', { ...found, body: Buffer.from('{"size":"1"}') }, ['/size must be integer']],
  ])('%s', (_what, answer, untold) => {
    expect(described.untoldOf(answer)).toEqual(untold);
  });
});
