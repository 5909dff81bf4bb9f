import { describe, expect, it } from 'vitest';
import { assertPlainContent, assertPlainTransfer } from './coding-fields.js';

const refusalOf = (check: () => void): unknown => {
  try {
    check();
    return undefined;
  } catch (error) {
    return (error as { code: unknown }).code;
  }
};

describe('a transfer coding', () => {
  it.each([undefined, 'chunked', 'Chunked', ' chunked ,', ''])('%j leaves the bytes as they are', (value) => {
    expect(refusalOf(() => assertPlainTransfer({ 'transfer-encoding': value }))).toBeUndefined();
  });

  it.each(['gzip, chunked', 'gzip', 'chunked, chunked', 'identity, chunked', 'chunked;q=1'])(
    '%j is refused',
    (value) => {
      expect(refusalOf(() => assertPlainTransfer({ 'transfer-encoding': value }))).toBe('transfer_coding_unsupported');
    },
  );
});

describe('a content coding', () => {
  it.each([undefined, 'identity', 'Identity', 'identity, identity', '', ','])(
    '%j leaves the bytes as they are',
    (value) => {
      expect(refusalOf(() => assertPlainContent({ 'content-encoding': value }))).toBeUndefined();
    },
  );

  it.each(['gzip', 'GZIP', 'br', 'identity, gzip', 'unheard-of'])('%j is refused', (value) => {
    expect(refusalOf(() => assertPlainContent({ 'content-encoding': value }))).toBe('content_coding_unsupported');
  });

  it('of a part is met however many lines it takes', () => {
    expect(refusalOf(() => assertPlainContent({ 'content-encoding': ['identity', 'br'] }))).toBe(
      'content_coding_unsupported',
    );
  });

  it.each([
    ['binary', undefined],
    ['8BIT', undefined],
    ['base64', 'content_coding_unsupported'],
    ['quoted-printable', 'content_coding_unsupported'],
  ])('of mail, %s, is met with %s', (value, code) => {
    expect(refusalOf(() => assertPlainContent({ 'content-transfer-encoding': [value] }))).toBe(code);
  });
});
