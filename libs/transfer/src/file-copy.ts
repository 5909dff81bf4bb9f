/** One file on its way: its manifest, and what stands under the manifest's name on the target. */
import type { ChunkEntry, FileId, Manifest } from '#libs/kernel';
import type { JobItem } from '#libs/job-queue';

export interface FileCopy {
  readonly item: JobItem;
  readonly manifest: Manifest;
  /** The manifest's bytes as the source has them; they are what the target gets. */
  readonly bytes: Buffer;
  /** `other`: damaged, or valid and different. */
  readonly standing: 'none' | 'same' | 'other';
}

export const fileIdOf = ({ item }: FileCopy): FileId => item.fileId;

/** The chunks of the files, each once. */
export function* distinctChunks(files: readonly FileCopy[]): Generator<ChunkEntry> {
  const seen = new Set<string>();
  for (const { manifest } of files) {
    if (manifest.content.kind === 'inline') continue;
    for (const entry of manifest.content.chunks) {
      if (seen.has(entry.chunkId)) continue;
      seen.add(entry.chunkId);
      yield entry;
    }
  }
}
