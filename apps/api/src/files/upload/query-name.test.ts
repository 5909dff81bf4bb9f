import { describe, expect, it } from 'vitest';
import { nameInQuery } from './query-name.js';

const GIVEN = { name: 'as the framework reads it' };
const bytes = (text: string) => Buffer.from(text).toString('latin1');

describe('nameInQuery', () => {
  it.each([
    ['/write?name=a.txt', 'a.txt'],
    ['/write?name=', ''],
    ['/write?name', ''],
    ['/write?wait=1&name=a&x=2', 'a'],
    ['/write?n%61me=a', 'a'],
    ['/write?xname=b&name=a', 'a'],
    ['/write?name=a+b%20c%2B', 'a b c+'],
    ['/write?name=a=b=c', 'a=b=c'],
    ['/write?name=a?b', 'a?b'],
    ['/write?name=100%', '100%'],
    ['/write?name=%zz%2', '%zz%2'],
    ['/write?name=%F0%9F%93%A6', '📦'],
    [bytes('/write?name=ünï 📦'), 'ünï 📦'],
    ['/write?name=%00%0d%0a', '\0\r\n'],
    ['/write?name=..%2F..%2fa', '../../a'],
  ])('%s', (url, name) => {
    expect(nameInQuery(url, GIVEN)).toBe(name);
  });

  it.each(['%ff', '\u00ff', '%ED%A0%80', '%F0%9F%93', 'a%C0%AFb', '%ED%A0%BD%ED%B3%A6'])(
    'refuses %s, which is no UTF-8',
    (name) => {
      expect(() => nameInQuery(`/write?name=${name}`, GIVEN)).toThrow(
        expect.objectContaining({ code: 'invalid_file_name' }),
      );
    },
  );

  it('knows when there is none, or more than one', () => {
    expect(nameInQuery('/write?x=1', {})).toBeUndefined();
    expect(() => nameInQuery('/write?name=a&name=b', { name: ['a', 'b'] })).toThrow(
      expect.objectContaining({ code: 'invalid_request' }),
    );
  });
});
