/**
 * The syncs of a process, for its other threads. Each thread with syncs of its own could be told the error of what another
 * one lost, and the other would be told that all is well; so all of them go through one `FileSystemSync`, by a channel whose
 * name the threads are given. It has no memory: a thread that ends in the middle leaves an answer that nobody hears.
 */
import { BroadcastChannel } from 'node:worker_threads';
import { syncError } from './file-system-sync.js';
import type { FileSystemSyncs, SyncErrorCode, SyncOrder } from './file-system-sync.js';
import { systemErrorCode } from '#libs/kernel';

type Question = SyncOrder & { readonly asks: string };
type Answer = { readonly answers: string; readonly failure?: SyncErrorCode };
type Message = { readonly data: Question | Answer };

/** Syncs whatever the other threads ask for, until it is told to end. */
export function serveSyncs(channelName: string, syncs: FileSystemSyncs): { end(): void } {
  const channel = new BroadcastChannel(channelName);
  channel.unref();
  channel.onmessage = (message: unknown): void => {
    const { data } = message as Message;
    if (!('asks' in data)) return;
    const { asks, ...order } = data;
    syncs.run(order).then(
      () => channel.postMessage({ answers: asks } satisfies Answer),
      (error: unknown) => {
        const code = systemErrorCode(error);
        const failure = code === 'ENOENT' || code === 'ENOSYS' ? code : 'EIO';
        channel.postMessage({ answers: asks, failure } satisfies Answer);
      },
    );
  };
  return { end: () => channel.close() };
}

/** The thread's side. */
export class SyncsElsewhere implements FileSystemSyncs {
  readonly #channel: BroadcastChannel;
  readonly #waiters = new Map<string, PromiseWithResolvers<SyncErrorCode | undefined>>();

  constructor(channelName: string) {
    this.#channel = new BroadcastChannel(channelName);
    this.#channel.unref();
    this.#channel.onmessage = (message: unknown): void => {
      const { data } = message as Message;
      if ('answers' in data) this.#waiters.get(data.answers)?.resolve(data.failure);
    };
  }

  async run(order: SyncOrder): Promise<void> {
    // Threads do not know of each other, and all of them hear every answer.
    const asks = crypto.randomUUID();
    const waiter = Promise.withResolvers<SyncErrorCode | undefined>();
    this.#waiters.set(asks, waiter);
    // Counted from here: on its way it could fall behind a failure.
    const sinceNs = order.sinceNs ?? process.hrtime.bigint();
    this.#channel.postMessage({ ...order, sinceNs, asks } satisfies Question);
    const failure = await waiter.promise;
    this.#waiters.delete(asks);
    if (failure !== undefined) throw syncError(order.path, failure);
  }

  end(): void {
    this.#channel.close();
  }
}
