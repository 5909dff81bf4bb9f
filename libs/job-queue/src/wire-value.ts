/** Reading what another process wrote into Redis: nothing of it is believed before it has been looked at. */
import { isFileId, isUuid } from '#libs/kernel';
import type { CatalogId, ClusterId, FileId, StoreId } from '#libs/kernel';

/** Says what is wrong; it goes into a log line, so it never holds the value itself. */
export class WireError extends Error {
  constructor(problem: string) {
    super(problem);
    this.name = 'WireError';
  }
}

export type WireObject = Readonly<Record<string, unknown>>;

export function objectOf(value: unknown, name: string): WireObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new WireError(`${name} is no object`);
  return value as WireObject;
}

export function uuidIn<Id extends CatalogId | ClusterId | StoreId>(from: WireObject, field: string): Id {
  const value = from[field];
  if (!isUuid(value)) throw new WireError(`${field} is no UUID`);
  return value as Id;
}

export function fileIdIn(from: WireObject, field: string): FileId {
  const value = from[field];
  if (typeof value !== 'string' || !isFileId(value)) throw new WireError(`${field} is no file id`);
  return value;
}

/** A count, a size or a time: an integer from 0 on that a double holds exactly. */
export function integerIn(from: WireObject, field: string): number {
  const value = from[field];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new WireError(`${field} is no integer from 0 on`);
  }
  return value;
}

export function textIn(from: WireObject, field: string, maxLength: number): string {
  const value = from[field];
  if (typeof value !== 'string' || value.length > maxLength) {
    throw new WireError(`${field} is no text of at most ${maxLength} characters`);
  }
  return value;
}

export function wordIn<Word extends string>(from: WireObject, field: string, words: readonly Word[]): Word {
  const word = words.find((candidate) => candidate === from[field]);
  if (word === undefined) throw new WireError(`${field} is none of ${words.join(', ')}`);
  return word;
}

export function listIn(from: WireObject, field: string, maxLength: number): readonly unknown[] {
  const value = from[field];
  if (!Array.isArray(value) || value.length === 0 || value.length > maxLength) {
    throw new WireError(`${field} is no list of 1 to ${maxLength}`);
  }
  return value;
}
