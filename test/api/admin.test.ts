// What operators and programs see of the server itself: the log, its readiness, its description, and its refusals.
import { beforeAll, describe, expect, it } from 'vitest';
import { store } from '../server/file-client.js';
import type { Problem, StoredFile } from '../server/file-client.js';
import { useServer } from '../server/harness.js';
import { ask, testBytes } from '../server/http-client.js';
import { CHUNK_SIZE } from '../server/installation.js';

const server = useServer();

interface Segments {
  readonly segments: { segment_id: string; first_lsn: number; last_lsn: number; size_bytes: number; state: string }[];
  readonly log_id: string;
  readonly committed_lsn: number;
  readonly applied_lsn: number;
  readonly checkpoint_lsn: number;
  readonly poisoned: boolean;
}

interface Entry {
  readonly lsn: number;
  readonly segment_id: string;
  readonly offset_bytes: number;
  readonly length_bytes: number;
  readonly type: string;
  readonly file_id: string | null;
  readonly checksum: { expected: string; actual: string; verdict: string };
}

interface Entries {
  readonly entries: Entry[];
  readonly next_after: number | null;
  readonly oldest_lsn: number;
}

const get = async <T>(path: string): Promise<T> => {
  const answer = await ask(`${server.url}${path}`);
  expect(answer.status).toBe(200);
  return answer.json<T>();
};

let small: StoredFile;
let large: StoredFile;

beforeAll(async () => {
  small = await store(server.url, { name: 'small', content: 'x' });
  large = await store(server.url, { name: 'large', content: testBytes(3 * CHUNK_SIZE) });
  await ask(`${server.url}/files/${small.file_id}`, { method: 'DELETE' });
});

describe('/admin/wal', () => {
  it('/segments tells how far the log has come', async () => {
    const answer = await get<Segments>('/admin/wal/segments');
    expect(answer).toEqual({
      segments: [
        {
          segment_id: '00000000000000000001',
          first_lsn: 1,
          last_lsn: 4,
          size_bytes: 64 * 1024,
          state: 'active',
        },
      ],
      log_id: small.log_id,
      committed_lsn: 4,
      applied_lsn: 4,
      checkpoint_lsn: 0,
      poisoned: false,
    });
  });

  it('/entries shows every record, its place and its checksum', async () => {
    const { entries, next_after, oldest_lsn } = await get<Entries>('/admin/wal/entries');
    expect(entries.map(({ lsn, type, file_id }) => [lsn, type, file_id])).toEqual([
      [small.lsn, 'file_put', small.file_id],
      [large.lsn - 1, 'upload_begin', large.file_id],
      [large.lsn, 'file_put', large.file_id],
      [large.lsn + 1, 'file_delete', small.file_id],
    ]);
    expect([next_after, oldest_lsn]).toEqual([null, 1]);
    for (const [index, entry] of entries.entries()) {
      expect(entry.segment_id).toBe('00000000000000000001');
      expect(entry.checksum).toEqual({
        expected: expect.stringMatching(/^[0-9a-f]{8}$/),
        actual: entry.checksum.expected,
        verdict: 'ok',
      });
      const before = entries[index - 1];
      expect(entry.offset_bytes).toBe(before === undefined ? 128 : before.offset_bytes + before.length_bytes);
    }
    expect(JSON.stringify(entries)).not.toContain('"large"');
  });

  it('/entries goes on where it is told', async () => {
    const lsns: number[] = [];
    for (let after: number | null = 0; after !== null;) {
      const page: Entries = await get<Entries>(`/admin/wal/entries?after=${after}&limit=1`);
      lsns.push(...page.entries.map(({ lsn }) => lsn));
      after = page.next_after;
    }
    expect(lsns).toEqual([1, 2, 3, 4]);
    expect((await get<Entries>('/admin/wal/entries?after=4')).entries).toEqual([]);
    expect((await get<Entries>('/admin/wal/entries?after=99')).entries).toEqual([]);
  });

  it('/inspect shows one segment with its header', async () => {
    const answer = await get<Entries & Record<string, unknown>>('/admin/wal/inspect/00000000000000000001');
    expect(answer).toMatchObject({
      segment: { segment_id: '00000000000000000001', first_lsn: 1, state: 'active' },
      header: {
        log_id: small.log_id,
        first_lsn: 1,
        checkpoint_lsn: 0,
        prev: '00000000',
        cluster_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      },
      next_after: null,
    });
    expect(answer.entries).toHaveLength(4);
  });

  it.each(['00000000000000000009', '1', 'x', '..%2f..%2fetc'])('/inspect/%s is not there', async (segment) => {
    const answer = await ask(`${server.url}/admin/wal/inspect/${segment}`);
    expect([answer.status, answer.json<Problem>().code]).toEqual([404, 'segment_not_found']);
  });

  it.each(['entries?limit=0', 'entries?limit=1001', 'entries?after=-1', 'entries?after=x', 'inspect/1?limit=x'])(
    '/%s is refused',
    async (path) => {
      const answer = await ask(`${server.url}/admin/wal/${path}`);
      expect([answer.status, answer.json<Problem>().code]).toEqual([400, 'invalid_request']);
    },
  );
});

it('/health and /ready say how the process is', async () => {
  expect(await get('/health')).toEqual({ status: 'ok' });
  expect(await get('/ready')).toEqual({
    status: 'ready',
    reasons: [],
    last_recovery: {
      finished_at: expect.any(Number),
      duration_ms: expect.any(Number),
      replayed_records: 0,
      interrupted_uploads: 0,
      staged_files_removed: 0,
      torn_tail_path: null,
      catalog_rebuilt: null,
      damaged_manifests: 0,
      log_was_gone: false,
    },
  });
});

describe('refusals', () => {
  it.each([
    ['GET', '/', 404, 'route_not_found'],
    ['GET', '/upload/x', 404, 'route_not_found'],
    ['GET', '/download/', 404, 'route_not_found'],
    ['GET', '/files/', 404, 'route_not_found'],
    ['GET', '/docs/nothing.css', 404, 'route_not_found'],
    ['POST', '/admin', 404, 'route_not_found'],
    ['GET', '/upload', 405, 'method_not_allowed'],
    ['POST', '/write', 405, 'method_not_allowed'],
    ['PATCH', '/files', 405, 'method_not_allowed'],
    ['DELETE', '/download/x', 405, 'method_not_allowed'],
    ['GET', '/%zz', 400, 'invalid_request'],
  ])('%s %s: %i %s', async (method, path, status, code) => {
    const answer = await ask(`${server.url}${path}`, { method });
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(answer.json<Problem>()).toMatchObject({
      type: `urn:holdfast:error:${code}`,
      title: expect.any(String),
      status,
      detail: expect.any(String),
      code,
    });
  });

  it('of an endless path segment is short', async () => {
    const answer = await ask(`${server.url}/files/${'x'.repeat(5000)}`);
    expect([answer.status, answer.json<Problem>().code]).toEqual([400, 'invalid_request']);
    expect(answer.body.length).toBeLessThan(500);
  });

  it('of a method name the right ones', async () => {
    expect((await ask(`${server.url}/files/x`, { method: 'PUT' })).headers.allow).toBe('DELETE, GET, HEAD');
    expect((await ask(`${server.url}/upload`)).headers.allow).toBe('POST');
  });
});

describe('/docs', () => {
  interface Document {
    readonly paths: Record<string, Record<string, { responses: Record<string, unknown>; parameters?: unknown[] }>>;
    readonly components: { schemas: Record<string, { properties: Record<string, unknown> }> };
  }

  it('shows a page and what it needs', async () => {
    const page = await ask(`${server.url}/docs`);
    expect(page.headers['content-type']).toMatch(/^text\/html/);
    const assets = [...page.body.toString().matchAll(/(?:src|href)="\.\/(docs\/[^"]+)"/g)].map((match) => match[1]);
    expect(assets.length).toBeGreaterThan(3);
    for (const asset of assets) expect((await ask(`${server.url}/${asset}`)).status).toBe(200);
  });

  it('describes every route, with what can go wrong', async () => {
    const { paths, components } = await get<Document>('/docs-json');
    const routes = Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(routes.toSorted()).toEqual([
      'DELETE /files/{file_id}',
      'GET /admin/operations/{operation_id}',
      'GET /admin/replicas/status',
      'GET /admin/wal/entries',
      'GET /admin/wal/inspect/{segment_id}',
      'GET /admin/wal/segments',
      'GET /download/{file_id}',
      'GET /files',
      'GET /files/{file_id}',
      'GET /health',
      'GET /read/{file_id}',
      'GET /ready',
      'HEAD /download/{file_id}',
      'HEAD /read/{file_id}',
      'POST /admin/files/{file_id}/undelete',
      'POST /admin/repair',
      'POST /admin/replicas/sync',
      'POST /admin/scrub',
      'POST /upload',
      'PUT /write',
    ]);
    const guarded = Object.entries(paths).filter(([path]) => path !== '/health');
    for (const [method, { responses }] of guarded.flatMap(([, operations]) => Object.entries(operations))) {
      expect(JSON.stringify(responses['401'])).toContain(method === 'head' ? 'WWW-Authenticate' : 'ProblemDetails');
    }
    expect(Object.keys(components.schemas)).toEqual(
      expect.arrayContaining(['FileAnswer', 'ProblemDetails', 'ErrorCode']),
    );
    const described = Object.keys(components.schemas['FileAnswer']!.properties);
    expect(described.toSorted()).toEqual(Object.keys(large).toSorted());
  });
});
