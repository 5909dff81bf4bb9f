/**
 * One file of the server becomes a file here. It grows as a part (part-file.ts), which a later run goes on with, and gets
 * its own name only when its SHA-256 is right and its bytes are on the disk. A part says nothing of the file it belongs
 * to: where part and rest together are not the file, the part is thrown away and all of it fetched once more.
 */
import { ClientError } from '#libs/client';
import type { HoldfastClient, StoredFile } from '#libs/client';
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { rename } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { claimPart, dropPart, leavePart } from './part-file.js';

export interface FetchOptions {
  readonly partPath: string;
  readonly targetPath: string;
  readonly signal: AbortSignal;
  /** Bytes that an earlier run had left. */
  readonly onPresent?: (bytes: number) => void;
  readonly onProgress?: (doneBytes: number) => void;
}

type Wanted = Pick<StoredFile, 'file_id' | 'file_size' | 'sha256'>;

/** Throws `ClientError`, what the file system says, and what the signal is aborted with. */
export async function fetchFile(client: HoldfastClient, file: Wanted, options: FetchOptions): Promise<void> {
  const { partPath, targetPath } = options;
  const part = await claimPart(partPath);
  try {
    await fill(client, file, part.file, options);
    await rename(part.path, targetPath);
  } catch (error) {
    if (ClientError.is(error, 'digest_mismatch')) await dropPart(part);
    else await leavePart(part, partPath);
    throw error;
  }
}

async function fill(client: HoldfastClient, file: Wanted, part: FileHandle, options: FetchOptions): Promise<void> {
  try {
    const fetched = await goOn(client, file, part, options);
    if (!fetched) await startOver(client, file, part, options);
    await part.datasync();
  } finally {
    await part.close();
  }
}

/** Whether part and rest together are the file. */
async function goOn(client: HoldfastClient, file: Wanted, part: FileHandle, options: FetchOptions): Promise<boolean> {
  const { size } = await part.stat();
  if (size === 0 || size > file.file_size) return false;
  const hash = await digestOf(part, options.signal);
  options.onPresent?.(size);
  if (size === file.file_size) return hash.digest('hex') === file.sha256;
  try {
    await receive(client, file, part, { ...options, prefix: { sizeBytes: size, hash } });
    return true;
  } catch (error) {
    if (ClientError.is(error, 'digest_mismatch')) return false;
    throw error;
  }
}

async function startOver(client: HoldfastClient, file: Wanted, part: FileHandle, options: FetchOptions): Promise<void> {
  await part.truncate(0);
  await receive(client, file, part, options);
}

interface Receiving extends FetchOptions {
  readonly prefix?: { readonly sizeBytes: number; readonly hash: Hash };
}

async function receive(client: HoldfastClient, file: Wanted, part: FileHandle, options: Receiving): Promise<void> {
  const { prefix, signal, onProgress } = options;
  const { bytes } = await client.get(file.file_id, {
    sha256: file.sha256,
    signal,
    ...(prefix === undefined ? {} : { prefix }),
  });
  let position = prefix?.sizeBytes ?? 0;
  for await (const piece of bytes) {
    await writeAll(part, piece, position);
    position += piece.length;
    onProgress?.(position);
  }
}

async function writeAll(file: FileHandle, piece: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < piece.length;) {
    const { bytesWritten } = await file.write(piece, at, piece.length - at, position + at);
    at += bytesWritten;
  }
}

const READ_BYTES = 1024 * 1024;

export async function digestOf(file: FileHandle, signal: AbortSignal): Promise<Hash> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  for (let position = 0; ;) {
    signal.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) return hash;
    hash.update(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
}
