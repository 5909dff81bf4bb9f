import type { FileEntry } from '#libs/catalog';
import type { ByteRange } from '#libs/file-store';
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { ClientGone } from '../../http/client-gone.js';
import type { DownloadPlan } from './download-plan.js';
import { ResponseSink } from './response-sink.js';

type WriteCallback = (error?: Error) => void;

/** A response whose socket takes bytes only when the test says so. */
class SlowResponse extends EventEmitter {
  destroyed = false;
  head: [status: number, headers: object] | undefined;
  ended = false;
  readonly written: Buffer[] = [];
  readonly #callbacks: WriteCallback[] = [];

  writeHead(status: number, headers: object): void {
    this.head = [status, headers];
  }

  write(bytes: Buffer | string, callback: WriteCallback | 'latin1'): void {
    this.written.push(Buffer.from(bytes));
    if (callback !== 'latin1') this.#callbacks.push(callback);
  }

  end(tail = ''): void {
    this.written.push(Buffer.from(tail));
    this.ended = true;
  }

  get text(): string {
    return Buffer.concat(this.written).toString();
  }

  take(error?: Error): void {
    this.#callbacks.shift()?.(error);
  }

  close(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

const plan = (range: ByteRange | undefined, status: DownloadPlan['status'] = 200): DownloadPlan => ({
  status,
  headers: { etag: '"x"' },
  body: { parts: range === undefined ? [] : [{ range, head: '' }], tail: '' },
});

function sinkFor(chosen: DownloadPlan) {
  const response = new SlowResponse();
  let hijacked = false;
  const raw = response as unknown as ServerResponse;
  const sink = new ResponseSink({ raw, hijack: () => (hijacked = true) }, () => chosen);
  sink.select({} as FileEntry);
  return { sink, response, hijacked: () => hijacked };
}

const isPending = async (promise: Promise<unknown>) =>
  (await Promise.race([promise.catch(() => undefined), Promise.resolve('pending')])) === 'pending';

describe('ResponseSink', () => {
  it('sends nothing before the first byte, so that an error can still be one', () => {
    const { response, hijacked } = sinkFor(plan({ start: 0, end: 3 }));
    expect([response.head, hijacked()]).toEqual([undefined, false]);
  });

  it('asks for more only when the bytes are out', async () => {
    const { sink, response, hijacked } = sinkFor(plan({ start: 0, end: 3 }));
    const write = sink.write(Buffer.from('abc'));
    expect([response.head, hijacked()]).toEqual([[200, { etag: '"x"' }], true]);
    expect(await isPending(write)).toBe(true);
    response.take();
    await write;
    sink.end();
    expect(response.ended).toBe(true);
  });

  it.each([200, 304] as const)('sends the headers of a %i without bytes at its end', (status) => {
    const { sink, response } = sinkFor(plan(undefined, status));
    sink.end();
    expect([response.head?.[0], response.ended]).toEqual([status, true]);
  });

  it('stops the read when the client goes away during a write', async () => {
    const { sink, response } = sinkFor(plan({ start: 0, end: 3 }));
    const write = sink.write(Buffer.from('abc'));
    response.close();
    await expect(write).rejects.toThrow(ClientGone);
  });

  it('stops the read when the client had gone before the write', async () => {
    const { sink, response } = sinkFor(plan({ start: 0, end: 3 }));
    response.close();
    await expect(sink.write(Buffer.from('abc'))).rejects.toThrow(ClientGone);
  });

  it('stops the read when a write fails, and survives the event that comes with it', async () => {
    const { sink, response } = sinkFor(plan({ start: 0, end: 3 }));
    const write = sink.write(Buffer.from('abc'));
    response.take(new Error('EPIPE'));
    response.emit('error', new Error('EPIPE'));
    await expect(write).rejects.toThrow(ClientGone);
  });

  it('never ends an answer that is shorter than it said', async () => {
    const { sink, response } = sinkFor(plan({ start: 0, end: 5 }));
    const write = sink.write(Buffer.from('abc'));
    response.take();
    await write;
    expect(() => sink.end()).toThrow(/promised/);
    expect(response.ended).toBe(false);
  });

  const TWO_PARTS: DownloadPlan = {
    status: 206,
    headers: {},
    body: {
      parts: [
        { range: { start: 0, end: 3 }, head: '<1>' },
        { range: { start: 9, end: 11 }, head: '<2>' },
      ],
      tail: '<end>',
    },
  };

  async function write(sink: ResponseSink, response: SlowResponse, text: string): Promise<void> {
    const written = sink.write(Buffer.from(text));
    response.take();
    await written;
  }

  it('puts the head of each part before its first byte, however the bytes come', async () => {
    const { sink, response } = sinkFor(TWO_PARTS);
    for (const bytes of ['ab', 'c', 'jk']) await write(sink, response, bytes);
    sink.end();
    expect(response.text).toBe('<1>abc<2>jk<end>');
  });

  it.each([[['abc']], [['abc', 'j']], [[]]])('never ends an answer in parts after %j only', async (pieces) => {
    const { sink, response } = sinkFor(TWO_PARTS);
    for (const bytes of pieces) await write(sink, response, bytes);
    expect(() => sink.end()).toThrow(/promised/);
    expect(response.ended).toBe(false);
  });

  it('never sends more than it said', async () => {
    const { sink, response } = sinkFor(plan({ start: 0, end: 3 }));
    await write(sink, response, 'abc');
    expect(() => sink.write(Buffer.from('d'))).toThrow(/promised/);
    expect(response.text).toBe('abc');
  });
});
