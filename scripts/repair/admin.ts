/** The admin routes of a server, as a repair asks them. */
import type { ServerAddress } from '#libs/client';
import { setTimeout as delay } from 'node:timers/promises';

/** A server that does not answer for so many polls, one after another, is gone. */
const MAX_SILENT_POLLS = 20;
const POLL_MS = 250;
const GONE = ['operation_not_found', 'recovering'];
const RESTARTED =
  'The server was restarted meanwhile, and the repair ended with it. Run it again: what was found is owed.';

/** `unreachable`: nothing answers. `refused`: it answers, and will not. `ended`: what it did has ended early. */
export class AdminError extends Error {
  readonly reason: 'unreachable' | 'refused' | 'ended';

  /** Of the problem, where there was an answer. */
  readonly code: string | undefined;

  constructor(reason: AdminError['reason'], message: string, { cause, code }: AdminErrorFacts = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'AdminError';
    this.reason = reason;
    this.code = code;
  }
}

interface AdminErrorFacts {
  readonly cause?: unknown;
  readonly code?: string | undefined;
}

export interface Operation {
  readonly operation_id: string;
  readonly state: 'running' | 'done' | 'failed';
  readonly done: number;
  readonly total: number;
  readonly result: RepairResult | { readonly failed: number };
}

export interface StoreCensus {
  readonly store: string;
  readonly manifests: number;
  readonly tombstones: number;
  readonly chunks: number;
  readonly unreferenced_chunks: number;
  readonly bytes: number;
  readonly digest: string;
}

/** Of `POST /admin/repair`, when it has ended. */
export interface RepairResult {
  readonly equal: boolean;
  readonly whole: boolean;
  readonly primary: string;
  /** Those that were asked for. */
  readonly stores: readonly string[];
  /** The others of the installation. */
  readonly left_out: readonly string[];
  readonly deep: boolean;
  readonly dry_run: boolean;
  readonly found: Readonly<Record<string, number>>;
  readonly findings: readonly NamedObject<{ readonly finding: string; readonly action: 'owed' | 'reported' }>[];
  readonly mended: number;
  readonly files_done: number;
  /** Owed, and not done. */
  readonly left: number;
  readonly reported: number;
  readonly could_not: readonly {
    readonly store: string;
    readonly file_id: string;
    readonly operation: string;
    readonly error: string;
  }[];
  /** Left out by a server of an older version. */
  readonly damaged?: readonly DamagedFile[];
  readonly failures: readonly { readonly store: string; readonly error: string }[];
  readonly censuses: readonly StoreCensus[];
  readonly in_motion: number;
  readonly differing: number;
  readonly differences: readonly NamedObject<{ readonly difference: string }>[];
}

/** `id`: of the chunk, or of the file whose manifest it is. */
export interface DamagedFile {
  readonly file_id: string;
  readonly file_name: string;
  readonly kind: string;
  readonly id: string;
}

export type NamedObject<More> = More & {
  readonly store: string;
  readonly kind: string;
  readonly id: string;
  readonly reason: string;
};

export async function beginRepair(server: ServerAddress, query: Readonly<Record<string, string>>): Promise<string> {
  const answer = await ask(server, { method: 'POST', path: '/admin/repair', query });
  return (answer as { operation_id: string }).operation_id;
}

/** Resolves when it has ended. Throws `ended` where a restart of the server has taken it, and what `signal` is aborted with. */
export async function endOf(
  server: ServerAddress,
  operationId: string,
  { signal, moved }: { readonly signal: AbortSignal; readonly moved: (share: number) => void },
): Promise<Operation> {
  let silentPolls = 0;
  for (;;) {
    signal.throwIfAborted();
    const operation = await ask(server, { method: 'GET', path: `/admin/operations/${operationId}` }).catch(
      (error: unknown) => {
        // Operations are kept in memory: a server that recovers has none of before.
        if (error instanceof AdminError && GONE.includes(error.code ?? ''))
          throw new AdminError('ended', RESTARTED, { cause: error });
        const isSilence = error instanceof AdminError && error.reason === 'unreachable';
        silentPolls += 1;
        if (!isSilence || silentPolls > MAX_SILENT_POLLS) throw error;
        return undefined;
      },
    );
    if (operation !== undefined) {
      silentPolls = 0;
      const { state, done, total } = operation as Operation;
      moved(total === 0 ? 1 : done / total);
      if (state !== 'running') return operation as Operation;
    }
    await delay(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}

interface Question {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
}

async function ask(server: ServerAddress, { method, path, query = {} }: Question): Promise<unknown> {
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(server.route(path, query), { method, headers: server.headers(), redirect: 'manual' });
    body = await response.json();
  } catch (cause) {
    throw new AdminError('unreachable', `No server answers at ${server.url}.`, { cause });
  }
  if (response.ok) return body;
  const { detail, title, code } = body as { detail?: string; title?: string; code?: string };
  const reason = response.status === 503 ? 'unreachable' : 'refused';
  throw new AdminError(reason, detail ?? title ?? `The server answered ${response.status}.`, { code });
}
