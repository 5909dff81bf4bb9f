import { describe, expect, it } from 'vitest';
import { queryInteger, queryText } from './query.js';

const BOUNDS = { min: 1, max: 1000, default: 100 };

describe('queryText', () => {
  it('reads one value, or none', () => {
    expect(queryText({ name: 'a' }, 'name')).toBe('a');
    expect(queryText({ name: '' }, 'name')).toBe('');
    expect(queryText({}, 'name')).toBeUndefined();
    expect(queryText({}, 'constructor')).toBeUndefined();
  });

  it('refuses two values', () => {
    expect(() => queryText({ name: ['a', 'b'] }, 'name')).toThrow(expect.objectContaining({ code: 'invalid_request' }));
  });
});

describe('queryInteger', () => {
  it.each([
    [undefined, 100],
    ['1', 1],
    ['1000', 1000],
    ['007', 7],
  ])('%j is %i', (text, value) => {
    expect(queryInteger(text === undefined ? {} : { limit: text }, 'limit', BOUNDS)).toBe(value);
  });

  it.each(['', '0', '1001', '-1', '1.5', '1e2', ' 1', 'ten', '0x10', '9'.repeat(400)])('refuses %j', (text) => {
    expect(() => queryInteger({ limit: text }, 'limit', BOUNDS)).toThrow(
      expect.objectContaining({ code: 'invalid_request', context: { parameter: 'limit' } }),
    );
  });
});
