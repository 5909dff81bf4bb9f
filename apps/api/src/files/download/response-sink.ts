/**
 * Sends a file's bytes as they are verified. Headers go out with the first byte and not before, so a file that cannot be
 * read still gets an honest status; after that the only way to say "this is not the whole file" is to cut the connection.
 */
import type { FileEntry } from '#libs/catalog';
import type { ByteRange, FileSink } from '#libs/file-store';
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { ClientGone } from '../../http/client-gone.js';
import type { DownloadPlan } from './download-plan.js';

/** The part of a Fastify reply that a streamed answer needs. */
export interface StreamedReply {
  readonly raw: ServerResponse;
  /** Tells Fastify that the answer is ours from here on. */
  hijack(): unknown;
}

export class ResponseSink implements FileSink {
  readonly #reply: StreamedReply;
  readonly #choosePlan: (entry: FileEntry) => DownloadPlan;
  #plan: DownloadPlan | undefined;
  #begun = false;
  /** Parts begun, and what is left of the last of them. */
  #partsBegun = 0;
  #leftBytes = 0;
  /** Ends the write under way; undefined between writes. */
  #endWrite: (() => void) | undefined;

  /** `choosePlan` may throw; that ends the read with nothing sent. */
  constructor(reply: StreamedReply, choosePlan: (entry: FileEntry) => DownloadPlan) {
    this.#reply = reply;
    this.#choosePlan = choosePlan;
    // A write to a response whose socket is gone may never call back.
    reply.raw.once('close', () => this.#endWrite?.());
    // Every failed write also comes as an event, which would end the process if nobody listened.
    reply.raw.on('error', () => undefined);
  }

  select(entry: FileEntry): readonly ByteRange[] {
    this.#plan = this.#choosePlan(entry);
    return this.#plan.body.parts.map(({ range }) => range);
  }

  /** Resolves when the bytes have left this process's memory. Throws `ClientGone`. */
  write(bytes: Buffer): Promise<void> {
    this.#begin();
    const { raw } = this.#reply;
    this.#beginPart();
    assert(bytes.length <= this.#leftBytes, 'a read went on behind what its headers promised');
    this.#leftBytes -= bytes.length;
    return new Promise((resolve, reject) => {
      if (raw.destroyed) {
        reject(new ClientGone());
        return;
      }
      this.#endWrite = () => reject(new ClientGone());
      raw.write(bytes, (error) => {
        this.#endWrite = undefined;
        if (error) reject(new ClientGone());
        else resolve();
      });
    });
  }

  /** Ends the answer after everything has been written. */
  end(): void {
    this.#begin();
    const { parts, tail } = this.#plan!.body;
    const missing = parts.slice(this.#partsBegun).filter(({ range }) => range.start < range.end);
    assert.deepEqual([this.#leftBytes, missing], [0, []], 'a read ended before it had sent what its headers promised');
    this.#reply.raw.end(tail, 'latin1');
  }

  /** No write reaches over the end of a range, so a part begins where the one before is complete. */
  #beginPart(): void {
    if (this.#leftBytes > 0) return;
    const part = this.#plan!.body.parts[this.#partsBegun];
    if (part === undefined) return;
    this.#partsBegun += 1;
    this.#leftBytes = part.range.end - part.range.start;
    if (part.head !== '' && !this.#reply.raw.destroyed) this.#reply.raw.write(part.head, 'latin1');
  }

  #begin(): void {
    if (this.#begun) return;
    assert(this.#plan !== undefined, 'bytes came before the file was known');
    this.#begun = true;
    this.#reply.hijack();
    this.#reply.raw.writeHead(this.#plan.status, this.#plan.headers);
  }
}
