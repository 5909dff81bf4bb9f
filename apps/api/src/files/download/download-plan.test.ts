import type { FileEntry } from '#libs/catalog';
import { describe, expect, it } from 'vitest';
import { conditionsOf } from '../conditions.js';
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
    conditions: conditionsOf({}),
    range: undefined,
    ifRange: undefined,
    wantReprDigest: undefined,
    nowMs: Date.UTC(2026, 11, 1),
    boundary: () => 'BOUNDARY',
    ...request,
  });

describe('planDownload', () => {
  it('answers the whole file with all that identifies it', () => {
    expect(ask({})).toEqual({
      status: 200,
      body: { parts: [{ range: { start: 0, end: 10 }, head: '' }], tail: '' },
      headers: {
        etag: `"${SHA256}"`,
        'last-modified': 'Sat, 21 Nov 2026 04:05:06 GMT',
        'cache-control': 'private, no-cache',
        'accept-ranges': 'bytes',
        'repr-digest': `sha-256=:${Buffer.from(SHA256, 'hex').toString('base64')}:`,
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
    expect(plan.body).toEqual({ parts: [{ range: { start: 2, end: 6 }, head: '' }], tail: '' });
    expect(plan.headers).toMatchObject({ 'content-range': 'bytes 2-5/10', 'content-length': 4 });
  });

  it('refuses a part that is not there, with the size', () => {
    expect(() => ask({ range: 'bytes=10-' })).toThrow(
      expect.objectContaining({ code: 'range_not_satisfiable', context: expect.objectContaining({ file_size: 10 }) }),
    );
  });

  it('answers 304 before it looks at the range', () => {
    const plan = ask({ conditions: conditionsOf({ 'if-none-match': `"${SHA256}"` }), range: 'bytes=99-' });
    expect(plan).toEqual({
      status: 304,
      headers: { etag: `"${SHA256}"`, 'cache-control': 'private, no-cache' },
      body: { parts: [], tail: '' },
    });
  });

  it('refuses what a condition rules out before it looks at the range', () => {
    const conditions = conditionsOf({ 'if-match': '"other"' });
    expect(() => ask({ conditions, range: 'bytes=99-' })).toThrow(
      expect.objectContaining({ code: 'precondition_failed' }),
    );
  });

  it('refuses a part that is not there also where If-Range holds', () => {
    expect(() => ask({ range: 'bytes=10-', ifRange: `"${SHA256}"` })).toThrow(
      expect.objectContaining({ code: 'range_not_satisfiable' }),
    );
    expect(ask({ range: 'bytes=10-', ifRange: '"other"' }).status).toBe(200);
  });

  it('answers several parts as a multipart body whose length is right', () => {
    const entry = { ...ENTRY, fileSize: 1000, contentType: 'text/html; charset=utf-8' };
    const plan = ask({ range: 'bytes=0-1,500-502' }, entry);
    const head = (range: string) =>
      `content-type: text/html; charset=utf-8\r\ncontent-range: bytes ${range}/1000\r\n\r\n`;
    expect(plan.body).toEqual({
      parts: [
        { range: { start: 0, end: 2 }, head: `--BOUNDARY\r\n${head('0-1')}` },
        { range: { start: 500, end: 503 }, head: `\r\n--BOUNDARY\r\n${head('500-502')}` },
      ],
      tail: '\r\n--BOUNDARY--\r\n',
    });
    const texts = [...plan.body.parts.map((part) => part.head), plan.body.tail].join('');
    expect(plan.status).toBe(206);
    expect(plan.headers['content-length']).toBe(texts.length + 5);
    expect(plan.headers['content-type']).toBe('multipart/byteranges; boundary=BOUNDARY');
    expect(plan.headers).not.toHaveProperty('content-range');
  });

  it('answers several ranges that are one as one', () => {
    const plan = ask({ range: 'bytes=0-1,2-3,99-' });
    expect(plan.headers).toMatchObject({ 'content-range': 'bytes 0-3/10', 'content-type': 'text/html' });
  });

  it('ignores the range where If-Range does not hold', () => {
    expect(ask({ range: 'bytes=2-5', ifRange: '"other"' }).status).toBe(200);
    expect(ask({ range: 'bytes=2-5', ifRange: `"${SHA256}"` }).status).toBe(206);
  });

  it('gives HEAD the length of the whole and no bytes, whatever the range', () => {
    const plan = ask({ method: 'HEAD', range: 'bytes=2-5' });
    expect(plan).toMatchObject({ status: 200, body: { parts: [] }, headers: { 'content-length': 10 } });
  });

  it('shows in place only what is safe, and only under /read', () => {
    const dispositionOf = (request: Partial<DownloadRequest>, contentType: string) =>
      ask(request, { ...ENTRY, contentType }).headers['content-disposition'];
    expect(dispositionOf({ purpose: 'read' }, 'image/png')).toMatch(/^inline;/);
    expect(dispositionOf({ purpose: 'download' }, 'image/png')).toMatch(/^attachment;/);
    expect(dispositionOf({ purpose: 'read' }, 'text/html')).toMatch(/^attachment;/);
  });
});
