import { describe, expect, it } from 'vitest';
import { filePartHeader } from './part-header.js';

const bytesOf = (text: string) => Buffer.from(text, 'utf8').toString('latin1');

const nameIn = (disposition: string) => filePartHeader({ 'content-disposition': [disposition] })?.fileName;

describe('filePartHeader', () => {
  it.each([
    ['form-data; name="f"; filename="a.txt"', 'a.txt'],
    ['form-data; name=f; filename=a.txt', 'a.txt'],
    ['form-data; name="f"; filename=""', ''],
    ['form-data; name="f"; filename="../../etc/passwd"', '../../etc/passwd'],
    ['form-data; name="f"; filename="C:\\dir\\a.txt"', 'C:\\dir\\a.txt'],
    ['form-data; name="f"; filename="ends with \\"', 'ends with \\'],
    ['form-data; name="f"; filename="a%22b%22.txt"', 'a"b".txt'],
    ['form-data; name="f"; filename="a\\"b\\".txt"', 'a"b".txt'],
    ['form-data; name="f"; filename="semi;colon.txt"', 'semi;colon.txt'],
    ['form-data; name="f"; filename="a%0d%0ab"', 'a\r\nb'],
    ['form-data; name="f"; filename="100%.txt"', '100%.txt'],
    [bytesOf('form-data; name="f"; filename="ünï 📦.txt"'), 'ünï 📦.txt'],
    ['form-data; name="f"; filename="caf\u00e9.txt"', 'café.txt'],
    ["form-data; name=f; filename=x; filename*=UTF-8''%E2%82%AC.txt", '€.txt'],
  ])('%s', (disposition, fileName) => {
    expect(nameIn(disposition)).toBe(fileName);
  });

  it('keeps the content type with its parameters', () => {
    const header = {
      'content-disposition': ['form-data; name="f"; filename="a"'],
      'content-type': ['text/plain; charset=utf-8'],
    };
    expect(filePartHeader(header)).toMatchObject({ fileName: 'a', contentType: 'text/plain; charset=utf-8' });
  });

  it('takes a nameless part for a file where it says it is bytes', () => {
    const header = {
      'content-disposition': ['form-data; name="f"'],
      'content-type': ['application/octet-stream'],
    };
    expect(filePartHeader(header)).toMatchObject({ fileName: undefined, contentType: 'application/octet-stream' });
  });

  it.each([
    [{}],
    [{ 'content-disposition': ['form-data; name="text"'] }],
    [{ 'content-disposition': ['attachment; filename="a"'] }],
    [{ 'content-type': ['application/octet-stream'] }],
  ])('%j is no file', (header) => {
    expect(filePartHeader(header)).toBeUndefined();
  });
});
