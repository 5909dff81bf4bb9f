import { describe, expect, it } from 'vitest';
import { multipartBoundary, storableContentType } from './media-type.js';

describe('storableContentType', () => {
  it.each([
    'text/plain',
    'text/plain; charset=utf-8',
    'text/plain;charset="utf-8"',
    'application/vnd.api+json; a=b; c="d \\" e"',
    'application/x-www-form-urlencoded',
    'text/plain;',
    'IMAGE/PNG',
  ])('keeps %s', (contentType) => {
    expect(storableContentType(contentType)).toBe(contentType);
  });

  it.each([
    undefined,
    '',
    'text',
    'text/',
    '/plain',
    'text/plain charset',
    'text/plain; charset',
    'text/plain, text/html',
    'text/plain\r\nX: y',
    'text/pläin',
    'text/plain; a="b',
    `text/${'x'.repeat(251)}`,
  ])('does not keep %j', (contentType) => {
    expect(storableContentType(contentType)).toBe('application/octet-stream');
  });

  it('is not fooled into minutes of matching', () => {
    const startedAt = performance.now();
    storableContentType(`text/plain${' ;'.repeat(120)}\u0001`);
    expect(performance.now() - startedAt).toBeLessThan(100);
  });
});

describe('multipartBoundary', () => {
  it.each([
    ['multipart/form-data; boundary=abc', 'abc'],
    ['Multipart/Form-Data;boundary="a b;c"', 'a b;c'],
    ['multipart/form-data; charset=utf-8; boundary=----x', '----x'],
    ['multipart/form-data', undefined],
    ['multipart/form-data; boundary=', undefined],
  ])('%s', (contentType, boundary) => {
    expect(multipartBoundary(contentType)).toEqual({ boundary });
  });

  it.each([undefined, 'text/plain', 'multipart/mixed; boundary=abc', 'multipart/form-database; boundary=a'])(
    'is none in %j',
    (contentType) => {
      expect(multipartBoundary(contentType)).toBeUndefined();
    },
  );
});
