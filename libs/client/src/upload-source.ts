/**
 * Where an upload's bytes come from. Only a source that can be opened again can be sent again, and it must give the same
 * bytes each time: a file that has changed in between, or while it was read, ends the upload before its last byte is out,
 * so that the server stores neither half of one and half of the other.
 */
import { open as openFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { clientError } from './client-error.js';
import type { ClientError } from './client-error.js';

export type UploadSource =
  | { readonly bytes: Uint8Array }
  /** A file, opened for each attempt. */
  | { readonly path: string }
  /** Opened for each attempt; gives the same bytes each time. */
  | { readonly open: () => AsyncIterable<Uint8Array>; readonly sizeBytes?: number }
  /** Can be read once, so it is sent once. */
  | { readonly stream: AsyncIterable<Uint8Array>; readonly sizeBytes?: number };

export interface OpenedBody {
  /** Undefined where it shows only at the end. */
  readonly sizeBytes: number | undefined;
  readonly pieces: AsyncIterable<Uint8Array>;
  /** Gives back what is held, whether a piece was read or not. */
  readonly close?: () => Promise<void>;
}

export interface Body {
  /** Throws what the file system says, and `source_changed`. */
  open(): Promise<OpenedBody>;
  readonly isReopenable: boolean;
}

const PIECE_BYTES = 256 * 1024;

export function bodyOf(source: UploadSource): Body {
  if ('bytes' in source) {
    const { bytes } = source;
    return reopenable(() => Promise.resolve({ sizeBytes: bytes.length, pieces: slices(bytes) }));
  }
  if ('path' in source) return fileBody(source.path);
  if ('open' in source) {
    const { open, sizeBytes } = source;
    return reopenable(() => Promise.resolve({ sizeBytes, pieces: open() }));
  }
  const { stream, sizeBytes } = source;
  return { isReopenable: false, open: () => Promise.resolve({ sizeBytes, pieces: stream }) };
}

function reopenable(open: () => Promise<OpenedBody>): Body {
  return { isReopenable: true, open };
}

async function* slices(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
}

/** What tells one state of a file from another, as far as a file system says. */
async function stateOf(file: FileHandle): Promise<string> {
  const { dev, ino, size, mtimeNs } = await file.stat({ bigint: true });
  return [dev, ino, size, mtimeNs].join(' ');
}

function fileBody(path: string): Body {
  let firstState: string | undefined;
  return reopenable(async () => {
    const file = await openFile(path, 'r');
    try {
      const { size } = await file.stat();
      const state = await stateOf(file);
      firstState ??= state;
      if (state !== firstState) throw sourceChanged(path);
      return {
        sizeBytes: size,
        pieces: filePieces(file, { path, sizeBytes: size, state }),
        close: () => file.close(),
      };
    } catch (error) {
      await file.close();
      throw error;
    }
  });
}

interface FileState {
  readonly path: string;
  readonly sizeBytes: number;
  readonly state: string;
}

/** Each piece has memory of its own, because fetch may still hold the last one while the next is read. */
async function* filePieces(
  file: FileHandle,
  { path, sizeBytes, state }: FileState,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < sizeBytes;) {
    const piece = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, sizeBytes - at));
    const { bytesRead } = await file.read(piece, 0, piece.length, at);
    if (bytesRead === 0) throw sourceChanged(path);
    at += bytesRead;
    // Before the last bytes leave: without them the server has less than was declared, and stores nothing.
    if (at >= sizeBytes && (await stateOf(file)) !== state) throw sourceChanged(path);
    yield piece.subarray(0, bytesRead);
  }
}

function sourceChanged(path: string): ClientError {
  return clientError('source_changed', `${path} changed while it was read; nothing of it was stored.`);
}
