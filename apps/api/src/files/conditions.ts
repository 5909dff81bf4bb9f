/**
 * Conditional headers (RFC 9110, section 13) on a file, whose bytes never change under its id. Pure, and in the order of
 * section 13.2.2. A header that cannot be read never makes a request do more: an unreadable If-Match matches nothing, an
 * unreadable If-None-Match names nothing, and an invalid date is ignored.
 */
import { StoreError } from '#libs/kernel';
import type { IncomingHttpHeaders } from 'node:http';
import { httpDate, parseHttpDate } from '../http/http-date.js';

export interface Conditions {
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
  readonly ifModifiedSince: string | undefined;
  readonly ifUnmodifiedSince: string | undefined;
}

/** What a client may know a file by. */
export interface Validators {
  /** Strong: the SHA-256 of the bytes. */
  readonly etag: string;
  /** When the file was stored, in whole seconds. */
  readonly lastModified: string;
}

export interface ConditionalRequest {
  readonly method: string;
  readonly conditions: Conditions;
  /** Two digits of a year are understood as of this time. */
  readonly nowMs: number;
}

export function conditionsOf(headers: IncomingHttpHeaders): Conditions {
  return {
    ifMatch: headers['if-match'],
    ifNoneMatch: headers['if-none-match'],
    ifModifiedSince: headers['if-modified-since'],
    ifUnmodifiedSince: headers['if-unmodified-since'],
  };
}

export function validatorsOf(file: { readonly sha256: string; readonly createdAtMs: number }): Validators {
  return { etag: `"${file.sha256}"`, lastModified: httpDate(file.createdAtMs) };
}

/** Throws `precondition_failed`. */
export function evaluateConditions(request: ConditionalRequest, validators: Validators): 'holds' | 'not_modified' {
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince } = request.conditions;
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  const lastModifiedMs = Date.parse(validators.lastModified);
  const since = (date: string | undefined): number | undefined =>
    date === undefined ? undefined : parseHttpDate(date, request.nowMs);
  if (ifMatch !== undefined) {
    if (!names(ifMatch, validators.etag, 'strong')) throw preconditionFailed('If-Match');
  } else if (lastModifiedMs > (since(ifUnmodifiedSince) ?? Infinity)) {
    throw preconditionFailed('If-Unmodified-Since');
  }
  if (ifNoneMatch !== undefined) {
    if (!names(ifNoneMatch, validators.etag, 'weak')) return 'holds';
    if (!isRead) throw preconditionFailed('If-None-Match');
    return 'not_modified';
  }
  return isRead && lastModifiedMs <= (since(ifModifiedSince) ?? -Infinity) ? 'not_modified' : 'holds';
}

/**
 * Whether a Range may be honoured (section 13.1.5): a tag is compared strongly, a date must be exactly the one sent. That
 * date is a strong validator here (section 8.8.2.2), because the bytes did not change twice in its second, nor at all.
 */
export function rangeStillValid(ifRange: string | undefined, validators: Validators, nowMs: number): boolean {
  if (ifRange === undefined) return true;
  const given = ifRange.trim();
  return given === validators.etag || parseHttpDate(given, nowMs) === Date.parse(validators.lastModified);
}

/** A tag and the comma behind it; empty list elements are allowed (section 5.6.1). */
const NEXT_TAG = /[ \t,]*(W\/)?("[\u0021\u0023-\u007e\u0080-\u00ff]*")[ \t]*(?:,|$)/y;

/** Whether a list of tags names this one; `*` names every file that there is. */
function names(header: string, etag: string, comparison: 'strong' | 'weak'): boolean {
  if (header.trim() === '*') return true;
  let found = false;
  let at = 0;
  while (/[^ \t,]/.test(header.slice(at))) {
    NEXT_TAG.lastIndex = at;
    const [whole, weak, tag] = NEXT_TAG.exec(header) ?? [];
    if (whole === undefined) return false;
    if (tag === etag && (comparison === 'weak' || weak === undefined)) found = true;
    at += whole.length;
  }
  return found;
}

function preconditionFailed(condition: string): StoreError {
  return new StoreError('precondition_failed', `${condition} does not hold for this file; nothing was done.`, {
    context: { condition },
  });
}
