/**
 * Operations that outlive the request that began them. They are kept in memory: each does only what is left to do, so one
 * that a restart has taken can be begun again.
 */
import { StoreError } from '#libs/kernel';
import { randomUUID } from 'node:crypto';

/** The oldest ended ones are forgotten first; more than this run at once in no installation. */
const MAX_KEPT = 100;

export type OperationKind = 'replicas_sync' | 'scrub' | 'repair';

/** How far work has come, as whoever does it tells. */
export interface RunningWork {
  readonly total: number;
  progress(): { readonly done: number; readonly failed: number };
  /** Never rejects for a part that failed: that is counted. */
  readonly finished: Promise<void>;
  /** What else there is to say of it, as it is to be told. */
  readonly result?: object | undefined;
}

export interface OperationView {
  readonly operationId: string;
  readonly kind: OperationKind;
  /** `failed`: it ended, and not all of it was done. */
  readonly state: 'running' | 'done' | 'failed';
  readonly done: number;
  readonly failed: number;
  readonly total: number;
  readonly result: object | undefined;
}

interface Operation {
  readonly kind: OperationKind;
  readonly work: RunningWork;
  ended: boolean;
}

export class Operations {
  readonly #operations = new Map<string, Operation>();

  /** Answers with the id to ask for it by. */
  begin(kind: OperationKind, work: RunningWork): string {
    const id = randomUUID();
    const operation = { kind, work, ended: false };
    this.#operations.set(id, operation);
    const end = (): void => {
      operation.ended = true;
      this.#forgetOldest();
    };
    work.finished.then(end, end);
    return id;
  }

  /** Throws `operation_not_found`. */
  view(operationId: string): OperationView {
    const operation = this.#operations.get(operationId);
    if (operation === undefined) {
      throw new StoreError('operation_not_found', `There is no operation ${operationId}, or it ended long ago.`);
    }
    const { kind, work, ended } = operation;
    const { done, failed } = work.progress();
    const state = ended ? (done === work.total ? 'done' : 'failed') : 'running';
    return { operationId, kind, state, done, failed, total: work.total, result: work.result };
  }

  #forgetOldest(): void {
    for (const [id, { ended }] of this.#operations) {
      if (this.#operations.size <= MAX_KEPT) return;
      if (ended) this.#operations.delete(id);
    }
  }
}
