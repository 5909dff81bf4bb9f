/**
 * Files of jobs that came to nothing, of which one may be the reason. Handed out unchanged the same job would fail for
 * ever, and everything in it with the one file; so it is found:
 *
 *   files without a verdict   because                the next time
 *   several                   anything               they go in jobs of half as many, until the one at fault is alone
 *   one                       the store failed       it is passed over while another is due. When the store has done
 *                                                    another since, it was this file: it is put off, and alone from then on
 *   one                       no answer came         it goes alone, and of all such files one at a time, the least often
 *                                                    lost first: together they would take all that may be in flight
 *
 * So a store that is away costs no file an attempt, and one bad file costs the others a few rounds. In memory and bounded:
 * what is forgotten is handed out among the others again.
 */
import type { Closing } from '#libs/catalog';
import type { JobError } from '#libs/job-queue';
import { MAX_JOB_ITEMS } from '#libs/job-queue';
import type { FileId } from '#libs/kernel';

/** Of all that may be in flight to a store. Behind them jobs stay as they are, and have the ids that a queue knows. */
const MAX_DOUBTED = 2 * MAX_JOB_ITEMS;
/** A store that is away for long is tried with one file after the other. */
const MAX_PASSED_OVER = 64;

/** A file of which nobody can say whether it, or its store, is at fault. */
export interface Unjudged extends Closing {
  readonly error: JobError;
}

interface Doubt {
  readonly togetherAtMost: number;
  /** How often it was alone in a job that was not answered. */
  readonly timesLost: number;
}

export class DoubtedFiles {
  readonly #doubts = new Map<FileId, Doubt>();
  readonly #passedOver = new Map<FileId, Unjudged>();

  /** How many files the next job with this one may have. */
  togetherAtMost(fileId: FileId): number {
    return this.#doubts.get(fileId)?.togetherAtMost ?? MAX_JOB_ITEMS;
  }

  /** These were in a job together, and all of them failed. */
  failed(fileIds: readonly FileId[]): void {
    const togetherAtMost = Math.max(1, Math.floor(fileIds.length / 2));
    for (const fileId of fileIds) this.#doubt(fileId, { togetherAtMost, timesLost: 0 });
  }

  /** A store failed, and these were not judged. */
  storeFailed(files: readonly Unjudged[]): void {
    this.failed(files.map(({ fileId }) => fileId));
    const [file] = files;
    if (file === undefined || files.length > 1) return;
    this.#passedOver.delete(file.fileId);
    this.#passedOver.set(file.fileId, file);
    const [oldest] = this.#passedOver.keys();
    if (this.#passedOver.size > MAX_PASSED_OVER) this.#passedOver.delete(oldest!);
  }

  /** The job of these was not answered. */
  lost(fileIds: readonly FileId[]): void {
    this.failed(fileIds);
    const [fileId] = fileIds;
    if (fileId !== undefined && fileIds.length === 1) this.#doubt(fileId, { togetherAtMost: 1, timesLost: 1 });
  }

  /** Something is known of these now. */
  cleared(fileIds: Iterable<FileId>): void {
    for (const fileId of fileIds) {
      this.#doubts.delete(fileId);
      this.#passedOver.delete(fileId);
    }
  }

  /** The store has done what it was asked: the files that were passed over, which are at fault then. */
  takeBlamed(): Unjudged[] {
    const blamed = [...this.#passedOver.values()];
    this.#passedOver.clear();
    return blamed;
  }

  /** Nothing else is due; answers with whether there was any. */
  forgivePassedOver(): boolean {
    const isAny = this.#passedOver.size > 0;
    this.#passedOver.clear();
    return isAny;
  }

  /** What is not to be handed out now, beside what is in flight. */
  withheld(inFlight: ReadonlyMap<FileId, string>): Pick<ReadonlySet<FileId>, 'has' | 'size'> {
    // Asked for at every turn of a busy server, and hardly ever is there a doubt.
    if (this.#doubts.size === 0 && this.#passedOver.size === 0) return inFlight;
    const isOneLost = [...inFlight.keys()].some((fileId) => this.#timesLost(fileId) > 0);
    const isWithheld = (fileId: FileId): boolean =>
      inFlight.has(fileId) || this.#passedOver.has(fileId) || (isOneLost && this.#timesLost(fileId) > 0);
    const lost = isOneLost ? this.#doubts.size : 0;
    return { has: isWithheld, size: inFlight.size + this.#passedOver.size + lost };
  }

  /** Leaves one of those that were lost alone, the one that was it least often. */
  withOneLost<Row extends { readonly fileId: FileId }>(rows: readonly Row[]): readonly Row[] {
    if (this.#doubts.size === 0) return rows;
    const lost = rows.filter(({ fileId }) => this.#timesLost(fileId) > 0);
    if (lost.length <= 1) return rows;
    const least = lost.reduce((one, other) =>
      this.#timesLost(other.fileId) < this.#timesLost(one.fileId) ? other : one,
    );
    return rows.filter((row) => row === least || this.#timesLost(row.fileId) === 0);
  }

  #timesLost(fileId: FileId): number {
    return this.#doubts.get(fileId)?.timesLost ?? 0;
  }

  #doubt(fileId: FileId, { togetherAtMost, timesLost }: Doubt): void {
    const before = this.#doubts.get(fileId);
    if (before === undefined && this.#doubts.size >= MAX_DOUBTED) return;
    this.#doubts.set(fileId, {
      togetherAtMost: Math.min(togetherAtMost, before?.togetherAtMost ?? MAX_JOB_ITEMS),
      timesLost: timesLost + (before?.timesLost ?? 0),
    });
  }
}
