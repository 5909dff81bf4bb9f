/** What a command says of an error and ends with: the exit code tells what kind of help is needed. */
import { ClientError } from '#libs/client';
import { EXIT, exitCodeOf, StoreError, systemErrorCode } from '#libs/kernel';
import type { ErrorContext, ExitCode } from '#libs/kernel';
import { Interrupted } from './interruption.js';

export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly context: ErrorContext;
  readonly exit: ExitCode;
  /** It will meet every other file too, so there is no use in going on. */
  readonly isForAll: boolean;
}

interface Advice {
  readonly exit: ExitCode;
  readonly text?: string;
  readonly isForAll?: true;
}

/** By codes of the client library and of the server; any other code of a server ends with 1. */
const ADVICE: Readonly<Record<string, Advice>> = {
  unreachable: {
    exit: EXIT.taken,
    text: 'Start the server with `npm start`, or say where it is by --url or HOLDFAST_URL.',
    isForAll: true,
  },
  connection_lost: {
    exit: EXIT.taken,
    text: 'See whether the server still runs, then run the command again.',
    isForAll: true,
  },
  recovering: { exit: EXIT.taken, text: 'Run the command again when /ready says so.', isForAll: true },
  shutting_down: { exit: EXIT.taken, text: 'Run the command again when it is back.', isForAll: true },
  unauthorized: { exit: EXIT.usage, text: 'Set HOLDFAST_API_KEY to a key of the server.', isForAll: true },
  forbidden_origin: { exit: EXIT.usage, isForAll: true },
  invalid_answer: { exit: EXIT.failed, text: 'See whether --url or HOLDFAST_URL is right.' },
  digest_mismatch: { exit: EXIT.damaged },
  content_changed: { exit: EXIT.damaged },
  source_changed: { exit: EXIT.failed, text: 'Run the command again when nothing writes to it.' },
  chunk_missing: { exit: EXIT.damaged },
  chunk_corrupt: { exit: EXIT.damaged },
  manifest_missing: { exit: EXIT.damaged },
  manifest_corrupt: { exit: EXIT.damaged },
};

export function failureOf(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof Interrupted) {
    return { code: 'interrupted', message, context: {}, exit: EXIT.interrupted, isForAll: true };
  }
  if (ClientError.is(error)) {
    const { exit, text, isForAll } = ADVICE[error.code] ?? { exit: EXIT.failed };
    const context: ErrorContext = error.fileId === undefined ? {} : { file_id: error.fileId };
    const sentence = text === undefined ? message : `${message} ${text}`;
    return { code: error.code, message: sentence, context, exit, isForAll: isForAll === true };
  }
  if (StoreError.is(error)) {
    return { code: error.code, message, context: error.context, exit: exitCodeOf(error), isForAll: false };
  }
  const isForAll = ['ENOSPC', 'EDQUOT', 'EROFS'].includes(systemErrorCode(error) ?? '');
  return { code: systemErrorCode(error) ?? 'internal', message, context: {}, exit: EXIT.failed, isForAll };
}
