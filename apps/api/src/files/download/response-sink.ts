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
  #sentBytes = 0;
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

  select(entry: FileEntry): ByteRange | undefined {
    this.#plan = this.#choosePlan(entry);
    return this.#plan.range;
  }

  /** Resolves when the bytes have left this process's memory. Throws `ClientGone`. */
  write(bytes: Buffer): Promise<void> {
    this.#begin();
    this.#sentBytes += bytes.length;
    const { raw } = this.#reply;
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
    const range = this.#plan?.range;
    const promisedBytes = range === undefined ? 0 : range.end - range.start;
    assert.equal(this.#sentBytes, promisedBytes, 'a read ended before it had sent what its headers promised');
    this.#reply.raw.end();
  }

  #begin(): void {
    if (this.#begun) return;
    assert(this.#plan !== undefined, 'bytes came before the file was known');
    this.#begun = true;
    this.#reply.hijack();
    this.#reply.raw.writeHead(this.#plan.status, this.#plan.headers);
  }
}
