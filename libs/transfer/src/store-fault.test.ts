import { StoreError } from '#libs/kernel';
import type { StoreId } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { asStoreFault, isOfItem, storeFaultCode, StoreFault } from './store-fault.js';

const systemError = (code: string): Error => Object.assign(new Error(`${code}: it failed`), { code });
const unreadable = (cause?: unknown): StoreError => new StoreError('store_unreadable', 'no identity', { cause });
const STORE = { storeId: '5704e000-0000-4000-8000-00000000000a' as StoreId, name: 'replica1' };

describe('whose fault an error is', () => {
  it.each([
    ['ENOSPC', systemError('ENOSPC'), 'store_full'],
    ['EDQUOT', systemError('EDQUOT'), 'store_full'],
    ['EROFS', systemError('EROFS'), 'store_read_only'],
    ['EACCES', systemError('EACCES'), 'store_refused'],
    ['EPERM', systemError('EPERM'), 'store_refused'],
    ['EIO of a write', systemError('EIO'), 'store_unreachable'],
    ['ENOENT: a directory of the store is gone', systemError('ENOENT'), 'store_unreachable'],
    ['ENOTDIR: a file stands in its place', systemError('ENOTDIR'), 'store_unreachable'],
    ['ESTALE: a network file system forgot it', systemError('ESTALE'), 'store_unreachable'],
    ['ENODEV', systemError('ENODEV'), 'store_unreachable'],
    ['ECONNREFUSED', systemError('ECONNREFUSED'), 'store_unreachable'],
    ['ETIMEDOUT', systemError('ETIMEDOUT'), 'store_unreachable'],
    ['a store that says so itself', new StoreError('store_refused', 'no'), 'store_refused'],
    ['a damaged identity', unreadable(), 'store_unreadable'],
    ['an identity on a dying disk', unreadable(systemError('EIO')), 'store_unreachable'],
    ['an identity that may not be read', unreadable(systemError('EACCES')), 'store_refused'],
    ['an identity that is no JSON', unreadable(new SyntaxError('no JSON')), 'store_unreadable'],
  ])('a store: %s', (_name, error, code) => {
    expect(storeFaultCode(error)).toBe(code);
    const fault = asStoreFault(error, STORE);
    expect(fault).toBeInstanceOf(StoreFault);
    expect(fault).toMatchObject({ code, storeId: STORE.storeId, cause: error });
  });

  it.each([
    ['too many open files in this process', systemError('EMFILE')],
    ['a mistake of this program', new TypeError('x is not a function')],
    ['a damaged chunk', new StoreError('chunk_corrupt', 'damaged')],
    ['nothing that was thrown as an error', 'text'],
  ])('no store: %s', (_name, error) => {
    expect(storeFaultCode(error)).toBeUndefined();
    expect(asStoreFault(error, STORE)).toBe(error);
  });

  it.each([
    ['manifest_missing', true],
    ['manifest_corrupt', true],
    ['chunk_missing', true],
    ['chunk_corrupt', true],
    ['future_format', true],
    ['store_full', false],
    ['job_overdue', false],
  ] as const)('one item: %s is %s', (code, expected) => {
    expect(isOfItem(new StoreError(code, 'it failed'))).toBe(expected);
  });
});
