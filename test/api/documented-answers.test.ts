// The API describes every answer of a read and a delete: status, headers, and the codes of problems.
import { describe, expect, it } from 'vitest';
import { useServer } from '../server/harness.js';
import { ask } from '../server/http-client.js';

const server = useServer();

interface Operation {
  readonly parameters: Array<{ readonly name: string; readonly in: string }>;
  readonly responses: Record<string, { readonly description: string; readonly headers?: Record<string, object> }>;
}

async function operation(method: string, path: string): Promise<Operation> {
  const { paths } = (await ask(`${server.url}/docs-json`)).json<{ paths: Record<string, Record<string, Operation>> }>();
  return paths[path]![method]!;
}

const headersIn = ({ parameters }: Operation) =>
  parameters
    .filter((parameter) => parameter.in === 'header')
    .map(({ name }) => name)
    .toSorted();

const EVERYWHERE = ['400', '401', '403', '417', '429', '431', '500', '503'];
const CONDITIONS = ['If-Match', 'If-None-Match', 'If-Unmodified-Since'];

/** A part of a file can only be asked for where its bytes are. */
const OF_PARTS = {
  get: { statuses: ['206', '416'], headers: ['If-Range', 'Range'] },
  head: { statuses: [], headers: [] },
};

describe.each(['get', 'head'] as const)('%s', (method) => {
  it.each(['/download/{file_id}', '/read/{file_id}'])('of %s', async (path) => {
    const described = await operation(method, path);
    const statuses = ['200', '304', '404', '412', ...OF_PARTS[method].statuses, ...EVERYWHERE];
    expect(Object.keys(described.responses).toSorted()).toEqual(statuses.toSorted());
    const headers = [...CONDITIONS, 'If-Modified-Since', 'Want-Repr-Digest', ...OF_PARTS[method].headers];
    expect(headersIn(described)).toEqual(headers.toSorted());
    const { responses } = described;
    expect(responses['304']!.headers).toHaveProperty('ETag');
    expect(responses['412']!.description).toContain('precondition_failed');
    expect(responses['429']!.description).toContain('too_many_guesses');
    expect(responses['429']!.headers).toHaveProperty('Retry-After');
    expect(responses['431']!.description).toContain('headers_too_large');
  });
});

it('every header that a download sends is described', async () => {
  const { file_id } = (await ask(`${server.url}/write?name=a`, { method: 'PUT', body: 'x' })).json();
  const { headers } = await ask(`${server.url}/download/${String(file_id)}`, { headers: { range: 'bytes=0-0' } });
  const { responses } = await operation('get', '/download/{file_id}');
  expect(responses['416']!.headers).toHaveProperty('Content-Range');
  const described = Object.keys(responses['206']!.headers!).map((name) => name.toLowerCase());
  // These are not for a response object to have (OpenAPI), or every answer has them.
  const elsewhere = ['content-type', 'content-length', 'date', 'connection', 'keep-alive'];
  expect([...described, ...elsewhere]).toEqual(expect.arrayContaining(Object.keys(headers)));
});

it('delete of a file', async () => {
  const described = await operation('delete', '/files/{file_id}');
  const statuses = ['204', '404', '412', '413', '507', ...EVERYWHERE];
  expect(Object.keys(described.responses).toSorted()).toEqual(statuses.toSorted());
  expect(headersIn(described)).toEqual(CONDITIONS);
});
