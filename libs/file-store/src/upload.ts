/**
 * One upload, in the order that loses nothing:
 *
 *   stage and sync the chunks ∥ log `upload_begin` → publish the chunks, sync their directories
 *     → log `file_put`: the commit point → applied → answer
 *
 * A small file has no chunks: its bytes ride in the `file_put` record. Before the append an error leaves nothing but
 * staging; after it an error is `outcome_unknown`.
 */
import { manifestDraft, newFileId, parseFileName, uploadBeginDraft } from '#libs/kernel';
import type { FileContent, FileId, Frame, Manifest } from '#libs/kernel';
import type { StagedChunk } from '#libs/stores';
import { SPAN, withSpan } from '#libs/telemetry';
import { BodyCollector, fileTooLarge } from './body-collector.js';
import type { CollectedBody } from './body-collector.js';
import type { FileStoreContext } from './context.js';
import type { SpaceClaim } from './disk-reserve.js';
import { fileNotFound, receiptOf } from './receipt.js';
import { StagingWindow } from './staging-window.js';
import type { FileReceipt, UploadRequest } from './types.js';
import { assertWritable, withFileId } from './write-gate.js';

export async function upload(context: FileStoreContext, request: UploadRequest): Promise<FileReceipt> {
  const fileName = parseFileName(request.fileName);
  const { maxFileSizeBytes } = context.limits;
  const declaredBytes = request.declaredBytes ?? 0;
  if (declaredBytes > maxFileSizeBytes) throw fileTooLarge(maxFileSizeBytes);
  assertWritable(context);
  const space = await context.reserve.claim(declaredBytes);
  try {
    const fileId = newFileId(context.clock.now());
    return await withSpan(SPAN.writeFile, { 'file.id': fileId }, () =>
      new Upload(context, { ...request, fileName }, fileId, space).run(),
    );
  } finally {
    space.release();
  }
}

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

  constructor(context: FileStoreContext, request: NamedUpload, fileId: FileId, space: SpaceClaim) {
    this.#context = context;
    this.#request = request;
    this.#fileId = fileId;
    this.#createdAtMs = context.clock.now();
    this.#space = space;
    const { primary, buffers, limits } = context;
    this.#window = new StagingWindow({ primary, buffers, space, chunkSizeBytes: limits.chunkSizeBytes });
  }

  async run(): Promise<FileReceipt> {
    try {
      const body = await withSpan(SPAN.chunkStream, undefined, () => this.#collect());
      const content = body.inline === undefined ? await this.#publish(body.staged) : inlineContent(body.inline);
      const frame = await withSpan(SPAN.walAppend, undefined, () => this.#append(body, content));
      await withSpan(SPAN.saveMetadata, undefined, () => this.#context.applier.applied(frame.lsn));
      await withSpan(SPAN.invalidateCache, undefined, async () => this.#context.cache.drop(this.#fileId));
      return this.#receipt();
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
      await this.#begun;
      await this.#context.primary.staging.publish(staged);
      this.#unpublished = false;
      return { kind: 'chunks', chunks: staged.map(({ entry }) => entry) };
    });
  }

  async #append(body: CollectedBody, content: FileContent): Promise<Frame> {
    // All chunks are on the disk by now: what is left of the claim, and the reserve itself, must still be there.
    await this.#space.spend(content.kind === 'inline' ? body.sizeBytes : 0);
    assertWritable(this.#context);
    const manifest: Manifest = {
      fileId: this.#fileId,
      fileName: this.#request.fileName,
      fileSize: body.sizeBytes,
      contentType: this.#request.contentType,
      sha256: body.sha256,
      createdAtMs: this.#createdAtMs,
      mode: 'async',
      wait: 0,
      chunkSize: this.#context.limits.chunkSizeBytes,
      content,
      unknown: {},
    };
    return this.#context.wal.append(manifestDraft(manifest));
  }

  #receipt(): FileReceipt {
    const entry = this.#context.catalog.findFile(this.#fileId);
    // A delete by someone who guessed the id would be the only way here.
    if (entry === undefined) throw fileNotFound(this.#fileId);
    return receiptOf(this.#context, entry);
  }

  async #cleanUp(): Promise<void> {
    const staged = await this.#window.dispose();
    if (this.#unpublished) await this.#context.primary.staging.discard(staged);
  }
}

function inlineContent(bytes: Buffer): FileContent {
  return { kind: 'inline', bytes };
}
