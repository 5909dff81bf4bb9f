/**
 * One upload, in the order that loses nothing:
 *
 *   stage and sync the chunks ∥ log `upload_begin` → publish the chunks, sync their directories
 *     → log `file_put`: the commit point → applied → answer
 *
 * A small file has no chunks: its bytes ride in the `file_put` record. Before the append an error leaves nothing but
 * staging and unreferenced chunks; after it an error is `outcome_unknown`. Chunks are pinned from publish to apply
 * (chunk-guard.ts), so that none of them is collected between the two.
 */
import { entryOf } from '#libs/apply';
import { manifestDraft, newFileId, parseFileName, StoreError, uploadBeginDraft } from '#libs/kernel';
import type { FileContent, FileId, Frame, Manifest } from '#libs/kernel';
import type { StagedChunk } from '#libs/stores';
import { SPAN, withSpan } from '#libs/telemetry';
import { awaitCopies } from './await-copies.js';
import { BodyCollector, fileTooLarge } from './body-collector.js';
import type { CollectedBody } from './body-collector.js';
import type { FileStoreContext } from './context.js';
import type { SpaceClaim } from './disk-reserve.js';
import { newReceipt } from './receipt.js';
import { repeatUpload } from './repeated-upload.js';
import { StagingWindow } from './staging-window.js';
import { writingStore } from './store-failure.js';
import type { FileReceipt, UploadRequest } from './types.js';
import { assertWritable, logPoisoned, withFileId } from './write-gate.js';

export async function upload(context: FileStoreContext, request: UploadRequest): Promise<FileReceipt> {
  const fileName = parseFileName(request.fileName);
  const named = { ...request, fileName };
  const { maxFileSizeBytes } = context.limits;
  if ((request.declaredBytes ?? 0) > maxFileSizeBytes) throw fileTooLarge(maxFileSizeBytes);
  const { idempotencyKey: key } = request;
  if (key === undefined) {
    assertWritable(context);
    return uploadNew(context, named);
  }
  const first = context.catalog.findFileByKey(key);
  if (first !== undefined) {
    // Kept since its outcome was unknown, maybe; it is known now.
    context.uploadKeys.giveBack(key);
    return awaitCopies(context, await repeatUpload(context, named, first));
  }
  assertWritable(context);
  // In the turn of the look into the catalog: an upload that ends in between would be in neither.
  context.uploadKeys.take(key);
  return uploadNew(context, named, () => context.uploadKeys.giveBack(key));
}

/** `settled` is called when it is certain whether the file is stored, which a retry need not wait for the copies to know. */
function uploadNew(context: FileStoreContext, request: NamedUpload, settled?: () => void): Promise<FileReceipt> {
  const fileId = newFileId(context.clock.now());
  return withSpan(SPAN.writeFile, { 'file.id': fileId }, async () => {
    const receipt = await storeNew(context, { request, fileId, settled });
    return awaitCopies(context, receipt);
  });
}

interface NewUpload {
  readonly request: NamedUpload;
  readonly fileId: FileId;
  readonly settled: (() => void) | undefined;
}

async function storeNew(context: FileStoreContext, { request, fileId, settled }: NewUpload): Promise<FileReceipt> {
  let started: Upload | undefined;
  try {
    const space = await writingStore(() => context.reserve.claim(request.declaredBytes ?? 0));
    try {
      started = new Upload(context, request, fileId, space);
      return await started.run();
    } finally {
      space.release();
    }
  } finally {
    // No error tells it, however odd: only what the upload has given to the log can become a file.
    if (started?.isUnknown !== true) settled?.();
  }
}

export interface ExpectedUpload {
  /** What the file will have, as far as is known. */
  readonly atLeastBytes: number;
  readonly idempotencyKey: string | undefined;
}

/**
 * The checks of an upload that need neither its body nor its name, for a caller that must read something of the body
 * before it can begin. Throws as `upload` does.
 */
export async function assertUploadable(context: FileStoreContext, expected: ExpectedUpload): Promise<void> {
  const { idempotencyKey: key, atLeastBytes } = expected;
  // A retry stores nothing.
  if (key !== undefined && context.catalog.findFileByKey(key) !== undefined) return;
  assertWritable(context);
  const space = await writingStore(() => context.reserve.claim(atLeastBytes));
  space.release();
}

const ASYNC = { mode: 'async', wait: 0 } as const;

type NamedUpload = UploadRequest & { readonly fileName: string };

class Upload {
  readonly #context: FileStoreContext;
  readonly #request: NamedUpload;
  readonly #space: SpaceClaim;
  readonly #fileId: FileId;
  readonly #createdAtMs: number;
  readonly #window: StagingWindow;
  #begun: Promise<unknown> | undefined;
  /** Staged chunks still in staging: to be removed if the upload ends now. */
  #unpublished = true;
  /** The record may be durable, now or after a restart: its chunks stay pinned until it is applied. */
  #mayBeStored = false;
  /** In the catalog, which knows its idempotency key from then on. */
  #isApplied = false;

  constructor(context: FileStoreContext, request: NamedUpload, fileId: FileId, space: SpaceClaim) {
    this.#context = context;
    this.#request = request;
    this.#fileId = fileId;
    this.#createdAtMs = context.clock.now();
    this.#space = space;
    const { primary, buffers, limits } = context;
    this.#window = new StagingWindow({ primary, buffers, space, chunkSizeBytes: limits.chunkSizeBytes });
  }

  /** Whether a file may yet come of it that the catalog does not know. */
  get isUnknown(): boolean {
    return this.#mayBeStored && !this.#isApplied;
  }

  async run(): Promise<FileReceipt> {
    try {
      const body = await withSpan(SPAN.chunkStream, undefined, () => writingStore(() => this.#collect()));
      const content = body.inline === undefined ? await this.#publish(body.staged) : inlineContent(body.inline);
      const manifest = this.#describe(body, content);
      const frame = await withSpan(SPAN.walAppend, undefined, () => this.#append(manifest));
      await withSpan(SPAN.saveMetadata, undefined, () => this.#context.applier.applied(frame.lsn));
      this.#isApplied = true;
      await withSpan(SPAN.invalidateCache, undefined, async () => this.#context.cache.drop(this.#fileId));
      return newReceipt(this.#context, entryOf(manifest, frame));
    } catch (error) {
      throw withFileId(error, this.#fileId);
    } finally {
      await this.#cleanUp();
    }
  }

  #collect(): Promise<CollectedBody> {
    const { limits } = this.#context;
    const bodyLimits = {
      chunkSizeBytes: limits.chunkSizeBytes,
      inlineMaxBytes: Math.min(limits.inlineMaxBytes, limits.chunkSizeBytes),
      maxBytes: limits.maxFileSizeBytes,
      declaredBytes: this.#request.declaredBytes,
      digests: this.#request.digests ?? [],
    };
    return new BodyCollector(this.#window, bodyLimits, () => this.#begin()).collect(this.#request.body);
  }

  /** Tells the log that chunks of this upload may appear; the answer is awaited before the first one does. */
  #begin(): void {
    this.#begun = this.#context.wal.append(uploadBeginDraft({ fileId: this.#fileId, createdAtMs: this.#createdAtMs }));
    // Met where it is awaited; until then a failure is not an unhandled one.
    this.#begun.catch(() => undefined);
  }

  async #publish(staged: readonly StagedChunk[]): Promise<FileContent> {
    return withSpan(SPAN.uploadChunks, { 'chunk.count': staged.length }, async () => {
      await this.#mayPublish();
      await writingStore(() => this.#context.primary.staging.publish(this.#fileId, staged));
      this.#unpublished = false;
      return { kind: 'chunks', chunks: staged.map(({ entry }) => entry) };
    });
  }

  /**
   * Resolves when `upload_begin` is durable. Where its outcome is unknown the upload's is not: without a `file_put` there
   * can be no file, whatever the disk holds.
   */
  async #mayPublish(): Promise<void> {
    try {
      await this.#begun;
    } catch (cause) {
      throw StoreError.is(cause, 'outcome_unknown') ? logPoisoned(cause) : cause;
    }
  }

  async #append(manifest: Manifest): Promise<Frame> {
    // All chunks are on the disk by now: what is left of the claim, and the reserve itself, must still be there.
    await writingStore(() => this.#space.spend(manifest.content.kind === 'inline' ? manifest.fileSize : 0));
    assertWritable(this.#context);
    this.#mayBeStored = true;
    try {
      return await this.#context.wal.append(manifestDraft(manifest));
    } catch (error) {
      // Every other refusal of the log promises that nothing was stored.
      this.#mayBeStored = !StoreError.is(error) || error.code === 'outcome_unknown';
      throw error;
    }
  }

  #describe(body: CollectedBody, content: FileContent): Manifest {
    return {
      fileId: this.#fileId,
      fileName: this.#request.fileName,
      fileSize: body.sizeBytes,
      contentType: this.#request.contentType,
      sha256: body.sha256,
      createdAtMs: this.#createdAtMs,
      ...(this.#request.replication ?? ASYNC),
      chunkSize: this.#context.limits.chunkSizeBytes,
      idempotencyKey: this.#request.idempotencyKey,
      content,
      unknown: {},
    };
  }

  async #cleanUp(): Promise<void> {
    const staged = await this.#window.dispose();
    const { primary } = this.#context;
    if (this.#unpublished) await primary.staging.discard(staged);
    // Otherwise apply ends the pins, in the turn in which the catalog refers to the chunks.
    if (!this.#mayBeStored) primary.guard.abandon(this.#fileId);
  }
}

function inlineContent(bytes: Buffer): FileContent {
  return { kind: 'inline', bytes };
}
