import type { FileEntry } from '#libs/catalog';
import { describe, expect, it } from 'vitest';
import { planDownload } from './download-plan.js';
import type { DownloadRequest } from './download-plan.js';

const SHA256 = 'c'.repeat(64);
const ENTRY = {
  fileId: '01932b7e-8a2c-7c3d-9e4f-5a6b7c8d9e0f',
  fileName: 'page.html',
  fileSize: 10,
  contentType: 'text/html',
  sha256: SHA256,
  createdAtMs: Date.UTC(2026, 10, 21, 4, 5, 6),
} as FileEntry;

const ask = (request: Partial<DownloadRequest>, entry = ENTRY) =>
  planDownload(entry, {
    purpose: 'download',
    method: 'GET',
    range: undefined,
    ifRange: undefined,
    ifNoneMatch: undefined,
    ...request,
  });

describe('planDownload', () => {
  it('answers the whole file with all that identifies it', () => {
    expect(ask({})).toEqual({
      status: 200,
      range: { start: 0, end: 10 },
      headers: {
        etag: `"${SHA256}"`,
        'last-modified': 'Sat, 21 Nov 2026 04:05:06 GMT',
        'cache-control': 'private, no-cache',
        'accept-ranges': 'bytes',
        'content-type': 'text/html',
        'content-disposition': 'attachment; filename=page.html',
        'x-content-type-options': 'nosniff',
        'content-security-policy': 'sandbox',
        'content-length': 10,
      },
    });
  });

  it('answers a part with its place', () => {
    const plan = ask({ range: 'bytes=2-5' });
    expect(plan.status).toBe(206);
    expect(plan.range).toEqual({ start: 2, end: 6 });
    expect(plan.headers).toMatchObject({ 'content-range': 'bytes 2-5/10', 'content-length': 4 });
  });

  it('refuses a part that is not there, with the size', () => {
    expect(() => ask({ range: 'bytes=10-' })).toThrow(
      expect.objectContaining({ code: 'range_not_satisfiable', context: expect.objectContaining({ file_size: 10 }) }),
    );
  });

  it('answers 304 before it looks at the range', () => {
    const plan = ask({ ifNoneMatch: `"${SHA256}"`, range: 'bytes=99-' });
    expect(plan).toMatchObject({ status: 304, range: undefined });
    expect(plan.headers).toHaveProperty('etag');
    expect(plan.headers).not.toHaveProperty('content-length');
  });

  it('ignores the range where If-Range does not hold', () => {
    expect(ask({ range: 'bytes=2-5', ifRange: '"other"' }).status).toBe(200);
    expect(ask({ range: 'bytes=2-5', ifRange: `"${SHA256}"` }).status).toBe(206);
  });

  it('gives HEAD the length of the whole and no bytes, whatever the range', () => {
    const plan = ask({ method: 'HEAD', range: 'bytes=2-5' });
    expect(plan).toMatchObject({ status: 200, range: undefined, headers: { 'content-length': 10 } });
  });

  it('shows in place only what is safe, and only under /read', () => {
    const dispositionOf = (request: Partial<DownloadRequest>, contentType: string) =>
      ask(request, { ...ENTRY, contentType }).headers['content-disposition'];
    expect(dispositionOf({ purpose: 'read' }, 'image/png')).toMatch(/^inline;/);
    expect(dispositionOf({ purpose: 'download' }, 'image/png')).toMatch(/^attachment;/);
    expect(dispositionOf({ purpose: 'read' }, 'text/html')).toMatch(/^attachment;/);
  });
});
