/**
 * The contents of files that are being read now: decoded once for all who read the same file at the same time, because the
 * chunk list of a large one takes a third of a megabyte for every gigabyte. A file's content never changes, so whoever
 * comes while another reads may use what that one was given.
 */
import type { FileContent, FileId } from '#libs/kernel';

interface SharedContent {
  readonly content: Promise<FileContent>;
  readers: number;
}

export class SharedContents {
  readonly #shared = new Map<FileId, SharedContent>();

  /** Files whose content is held now. */
  get size(): number {
    return this.#shared.size;
  }

  /** Runs `read` with the content that `fetch` gives, or gave to another reader. Throws what either throws. */
  async use<Result>(
    fileId: FileId,
    fetch: () => Promise<FileContent>,
    read: (content: FileContent) => Promise<Result>,
  ): Promise<Result> {
    const shared = this.#shared.get(fileId) ?? { content: fetch(), readers: 0 };
    this.#shared.set(fileId, shared);
    shared.readers += 1;
    try {
      return await read(await shared.content);
    } finally {
      shared.readers -= 1;
      if (shared.readers === 0) this.#shared.delete(fileId);
    }
  }
}
