import { describe, expect, it } from 'vitest';
import { MAX_FILE_NAME_BYTES, parseFileName } from './file-name.js';

describe('parseFileName', () => {
  it.each([
    ['a plain name', 'report.pdf'],
    ['one byte', 'a'],
    ['a path, which is data', '../../etc/passwd'],
    ['dots', '..'],
    ['spaces', '  '],
    ['quotes, backslashes and percent signs', String.raw`a"b\c%00d'`],
    ['letters beyond ASCII', 'été – Übergröße.txt'],
    ['an emoji of several code points', '👩‍👩‍👧.png'],
    ['a right-to-left override', 'a\u202egpj.exe'],
    ['the highest code point', '\u{10ffff}'],
    ['a byte order mark', '\ufeffa'],
    ['a replacement character', '\ufffd'],
    ['the first character behind the C1 controls', '\u00a0'],
    ['the largest name, in one-byte characters', 'a'.repeat(MAX_FILE_NAME_BYTES)],
    ['the largest name, in four-byte characters', '😀'.repeat(MAX_FILE_NAME_BYTES / 4)],
  ])('accepts %s, unchanged', (_name, text) => {
    expect(parseFileName(text)).toBe(text);
  });

  it.each([
    ['no name', undefined],
    ['an empty name', ''],
    ['NUL', 'a\u0000b'],
    ['a line feed', 'a\nb'],
    ['a carriage return at the end', 'a\r'],
    ['a tab', '\ta'],
    ['the last C0 control', 'a\u001f'],
    ['DEL', 'a\u007f'],
    ['the first C1 control', 'a\u0080'],
    ['NEL, a C1 control that breaks lines', 'a\u0085'],
    ['the last C1 control', 'a\u009f'],
    ['a high surrogate alone', 'a\ud83d'],
    ['a low surrogate alone', '\ude00a'],
    ['surrogates in the wrong order', '\ude00\ud83d'],
    ['one byte too many', 'a'.repeat(MAX_FILE_NAME_BYTES + 1)],
    ['few characters of many bytes', '😀'.repeat(MAX_FILE_NAME_BYTES / 4) + 'a'],
  ])('refuses %s', (_name, text) => {
    expect(() => parseFileName(text)).toThrow(expect.objectContaining({ code: 'invalid_file_name' }) as Error);
  });

  it('tells how long a long name is, in bytes', () => {
    const expected = { context: { file_name_bytes: 2048, limit_bytes: 1024 } };
    expect(() => parseFileName('é'.repeat(1024))).toThrow(expect.objectContaining(expected) as Error);
  });
});
