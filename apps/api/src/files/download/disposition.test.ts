import { parse } from 'content-disposition';
import { describe, expect, it } from 'vitest';
import { contentDisposition, readDisposition } from './disposition.js';

describe('readDisposition', () => {
  it.each([
    ['image/png', 'inline'],
    ['IMAGE/PNG', 'inline'],
    ['image/jpeg; foo=bar', 'inline'],
    ['audio/mpeg', 'inline'],
    ['video/mp4', 'inline'],
    ['text/plain;charset=utf-8', 'inline'],
    ['application/pdf', 'inline'],
    // These run script, or can be taken for something that does.
    ['text/html', 'attachment'],
    ['text/html; charset=utf-8', 'attachment'],
    ['application/xhtml+xml', 'attachment'],
    ['image/svg+xml', 'attachment'],
    ['text/xml', 'attachment'],
    ['application/xml', 'attachment'],
    ['text/javascript', 'attachment'],
    ['text/css', 'attachment'],
    ['text/plainer', 'attachment'],
    ['multipart/x-mixed-replace', 'attachment'],
    ['application/octet-stream', 'attachment'],
    ['', 'attachment'],
  ])('%s is %s', (contentType, disposition) => {
    expect(readDisposition(contentType)).toBe(disposition);
  });
});

describe('contentDisposition', () => {
  it.each([
    'plain.txt',
    'with "quotes".txt',
    'back\\slash.txt',
    '../../etc/passwd',
    'semi;colon=1.txt',
    '100%25.txt',
    'ünïcödé.txt',
    '日本語 📦.txt',
    ' leading and trailing ',
  ])('carries %j to the client unchanged', (fileName) => {
    const header = contentDisposition('attachment', fileName);
    expect(header).toMatch(/^attachment; [\u0020-\u007e]+$/);
    expect(parse(header).parameters['filename']).toBe(fileName);
  });

  it('names the disposition', () => {
    expect(contentDisposition('inline', 'a.txt')).toBe('inline; filename=a.txt');
  });
});
