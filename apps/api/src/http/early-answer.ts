/**
 * An answer that comes before the request's body has been read: a refused upload, most often. The rest of the body cannot
 * be used as the next request, so the connection must end; but closing it with bytes unread resets it, and a client that
 * is still sending would see the reset and never the answer. So: send the whole answer, read on for a bounded time and
 * amount, then close (RFC 9112, section 9.6).
 */
import type { FastifyInstance } from 'fastify';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';

export const MAX_DRAINED_BYTES = 64 * 1024 * 1024;
export const MAX_DRAIN_MS = 5_000;

export function drainEarlyAnswered(fastify: FastifyInstance): void {
  fastify.addHook('onSend', (request, reply, payload, done) => {
    const isWhole = typeof payload === 'string' || Buffer.isBuffer(payload);
    if (!isWhole || !hasUnreadBody(request.raw)) {
      done(null, payload);
      return;
    }
    reply.header('connection', 'close');
    // The length tells the client that it has the whole answer, although the connection is still open.
    reply.header('content-length', Buffer.byteLength(payload));
    done(null, Readable.from(answerThenDrain(payload, request.raw), { objectMode: false }));
  });
}

function hasUnreadBody(request: IncomingMessage): boolean {
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers;
  return !request.complete && (length !== '0' || encoding !== undefined);
}

async function* answerThenDrain(payload: string | Buffer, request: IncomingMessage): AsyncGenerator<Buffer> {
  yield Buffer.from(payload);
  await drain(request);
}

/** Resolves when the body has ended, the connection is gone, or enough has been thrown away. */
function drain(request: IncomingMessage): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const deadline = setTimeout(resolve, MAX_DRAIN_MS);
  let leftBytes = MAX_DRAINED_BYTES;
  request.on('data', (piece: Buffer) => {
    leftBytes -= piece.length;
    if (leftBytes < 0) resolve();
  });
  for (const event of ['end', 'close', 'error']) request.once(event, () => resolve());
  if (request.destroyed || request.complete) resolve();
  request.resume();
  return promise.finally(() => {
    clearTimeout(deadline);
    request.pause();
  });
}
