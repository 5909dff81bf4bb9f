import { describe, expect, it } from 'vitest';
import { apiKeyList } from './api-key.js';

const KEY = 'c2VjcmV0IG51bWJlciAx';
const OTHER = 'another_key-2~./+==';

describe('a list of keys', () => {
  it.each([
    ['none', '', []],
    ['a plain key', KEY, [{ label: 'key1', key: KEY }]],
    ['a key with its label', `backup:${KEY}`, [{ label: 'backup', key: KEY }]],
    [
      'several',
      `${KEY},ci:${OTHER}`,
      [
        { label: 'key1', key: KEY },
        { label: 'ci', key: OTHER },
      ],
    ],
    ['a key of 16 characters', '0123456789abcdef', [{ label: 'key1', key: '0123456789abcdef' }]],
  ])('reads %s', (_, text, keys) => {
    expect(apiKeyList.parse(text, '/')).toEqual({ value: keys });
  });

  it.each([
    ['a key of 15 characters', '0123456789abcde', 'key 1'],
    ['only a label', 'backup:', 'key 1'],
    ['an empty item', `${KEY},`, 'key 2'],
    ['a space around a key', `${KEY}, ${OTHER}`, 'key 2'],
    ['a character that no header can carry', 'clé-de-16-caractères', 'key 1'],
    ['a colon inside a key', `backup:${KEY}:x`, 'key 1'],
    ['a label in capitals', `Backup:${KEY}`, 'label at key 1'],
    ['no label before the colon', `:${KEY}`, 'label at key 1'],
    ['one label twice', `a:${KEY},a:${OTHER}`, 'label at key 2'],
    ['one key twice', `a:${KEY},b:${KEY}`, 'key 2'],
  ])('refuses %s and says where, not what', (_, text, where) => {
    const parsed = apiKeyList.parse(text, '/');
    expect(parsed).toEqual({ problem: expect.stringContaining(where) });
    for (const part of text.split(/[,:]/).filter((candidate) => candidate.length > 6))
      expect(JSON.stringify(parsed)).not.toContain(part);
  });
});
