/**
 * What a client may believe about its files while a server dies under it. An answered upload exists, an answered delete
 * is final, an operation without an answer may have happened or not; but whatever is visible is whole.
 */
import { sha256 } from '../server/http-client.js';

export type Belief = 'exists' | 'deleted' | 'perhaps_deleted';

export interface Expected {
  readonly sha256: string;
  readonly belief: Belief;
}

export interface Observed {
  readonly status: number;
  readonly sha256: string;
}

export class ClientModel {
  readonly #files = new Map<string, Expected>();
  /** By name: the content of every upload ever begun, answered or not. */
  readonly #sent = new Map<string, string>();
  /** Names whose upload was refused, with the promise that nothing of it is stored. */
  readonly #refused = new Set<string>();
  /** Files whose last operation is not checked yet. */
  readonly #unchecked = new Set<string>();

  uploadBegins(name: string, body: Buffer): void {
    this.#sent.set(name, sha256(body));
  }

  uploadAnswered(name: string, fileId: string): void {
    this.#files.set(fileId, { sha256: this.#sent.get(name)!, belief: 'exists' });
    this.#unchecked.add(fileId);
  }

  uploadRefused(name: string): void {
    this.#refused.add(name);
  }

  deleteBegins(fileId: string): void {
    this.#believe(fileId, 'perhaps_deleted');
  }

  deleteAnswered(fileId: string): void {
    this.#believe(fileId, 'deleted');
  }

  deleteRefused(fileId: string): void {
    this.#believe(fileId, 'exists');
  }

  believesDeleted(fileId: string): boolean {
    return this.#files.get(fileId)?.belief === 'deleted';
  }

  expected(fileId: string): Expected | undefined {
    return this.#files.get(fileId);
  }

  /** Ids of files that surely exist. */
  existing(): string[] {
    return [...this.#files].filter(([, { belief }]) => belief === 'exists').map(([fileId]) => fileId);
  }

  all(): string[] {
    return [...this.#files.keys()];
  }

  /** Files touched since they were last checked. */
  unchecked(): string[] {
    return [...this.#unchecked];
  }

  isKnown(fileId: string): boolean {
    return this.#files.has(fileId);
  }

  /** Why what was seen of a file breaks a promise, or undefined. Settles a delete that had no answer. */
  check(fileId: string, seen: Observed): string | undefined {
    this.#unchecked.delete(fileId);
    const expected = this.#files.get(fileId)!;
    const isWhole = seen.status === 200 && seen.sha256 === expected.sha256;
    const isGone = seen.status === 404;
    const kept = { exists: isWhole, deleted: isGone, perhaps_deleted: isWhole || isGone }[expected.belief];
    if (!kept) return `${fileId} ${expected.belief}: status ${seen.status}, ${isWhole ? 'whole' : 'other bytes'}`;
    if (expected.belief === 'perhaps_deleted') {
      this.#files.set(fileId, { ...expected, belief: isGone ? 'deleted' : 'exists' });
    }
    return undefined;
  }

  /** A file that is listed and not known: an upload whose answer was lost, and then whole. */
  checkStranger(listed: { readonly file_id: string; readonly file_name: string }, seen: Observed): string | undefined {
    const { file_id: fileId, file_name: name } = listed;
    const sent = this.#sent.get(name);
    if (this.#refused.has(name)) return `${fileId} (${name}): was refused and is listed`;
    if (sent === undefined || seen.status !== 200 || seen.sha256 !== sent) return `${fileId} (${name}): half-written`;
    this.#files.set(fileId, { sha256: sent, belief: 'exists' });
    return undefined;
  }

  #believe(fileId: string, belief: Belief): void {
    this.#files.set(fileId, { ...this.#files.get(fileId)!, belief });
    this.#unchecked.add(fileId);
  }
}
