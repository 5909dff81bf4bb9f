// Whatever is stored, no script of it runs in this server's origin: the headers say so for every class of content.
import { describe, expect, it } from 'vitest';
import { store } from '../server/file-client.js';
import type { StoredFile } from '../server/file-client.js';
import { useServer } from '../server/harness.js';
import { ask } from '../server/http-client.js';
import type { Answer } from '../server/http-client.js';

const server = useServer();

const SCRIPT = '<script>alert(document.domain)</script>';
const PAGE = `<html xmlns="http://www.w3.org/1999/xhtml"><body>${SCRIPT}</body></html>${' '.repeat(1000)}`;

const CLASSES: Array<[contentType: string, read: 'inline' | 'attachment']> = [
  // Pages, and what a browser may take for one.
  ['text/html', 'attachment'],
  ['TEXT/HTML', 'attachment'],
  ['text/html; charset=utf-7', 'attachment'],
  ['application/xhtml+xml', 'attachment'],
  ['image/svg+xml', 'attachment'],
  ['image/svg+xml; charset=utf-8', 'attachment'],
  ['text/xml', 'attachment'],
  ['application/xml', 'attachment'],
  ['application/rss+xml', 'attachment'],
  ['text/xsl', 'attachment'],
  ['application/mathml+xml', 'attachment'],
  ['multipart/related', 'attachment'],
  ['multipart/x-mixed-replace', 'attachment'],
  ['message/rfc822', 'attachment'],
  ['application/x-shockwave-flash', 'attachment'],
  // Parts of pages.
  ['text/javascript', 'attachment'],
  ['application/json', 'attachment'],
  ['text/css', 'attachment'],
  ['application/wasm', 'attachment'],
  ['font/woff2', 'attachment'],
  // Anything.
  ['application/octet-stream', 'attachment'],
  ['application/zip', 'attachment'],
  ['application/problem+json', 'attachment'],
  ['x/y', 'attachment'],
  // What is shown.
  ['text/plain', 'inline'],
  ['text/plain; charset=utf-8', 'inline'],
  ['image/png', 'inline'],
  ['image/jpeg', 'inline'],
  ['audio/mpeg', 'inline'],
  ['video/mp4', 'inline'],
  ['application/pdf', 'inline'],
];

/** `type`: what the answer says, where it is not what was stored. */
const REQUESTS: Array<{ method: string; headers: Record<string, string>; status: number; type?: RegExp }> = [
  { method: 'GET', headers: {}, status: 200 },
  { method: 'HEAD', headers: {}, status: 200 },
  { method: 'GET', headers: { range: 'bytes=0-99' }, status: 206 },
  { method: 'GET', headers: { range: 'bytes=0-99,500-' }, status: 206, type: /^multipart\/byteranges; boundary=\w+$/ },
];

const exactly = (text: string) => new RegExp(`^${text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`);

describe.each(CLASSES)('%s', (contentType, disposition) => {
  const check = ({ headers }: Answer, expected: string) => {
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['content-security-policy']).toBe('sandbox');
    expect(headers['content-disposition']).toMatch(new RegExp(`^${expected};`));
  };

  it('runs no script, however it is fetched', async () => {
    const file: StoredFile = await store(server.url, { name: 'page.html', content: PAGE, contentType });
    expect(file.content_type).toBe(contentType);
    for (const { method, headers, status, type = exactly(contentType) } of REQUESTS) {
      const read = await ask(`${server.url}/read/${file.file_id}`, { method, headers });
      const download = await ask(`${server.url}/download/${file.file_id}`, { method, headers });
      expect([read.status, download.status]).toEqual([status, status]);
      check(read, disposition);
      check(download, 'attachment');
      expect(read.headers['content-type']).toMatch(type);
      expect(download.headers['content-type']).toMatch(type);
    }
  });
});

it('a content type that would end its header is not kept, and shows no second one', async () => {
  for (const contentType of ['text/plain, text/html', 'text/html/x', 'nonsense', '', 'text/plain;;;<script>']) {
    const file = await store(server.url, { name: 'page.html', content: PAGE, contentType });
    expect((await ask(`${server.url}/read/${file.file_id}`)).headers['content-type']).toBe('application/octet-stream');
  }
});
