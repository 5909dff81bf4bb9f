/** The body of an answer, into memory: whole, or not at all. */
import { addAbortSignal } from 'node:stream';
import type { Readable } from 'node:stream';

export interface BodyReading {
  readonly signal: AbortSignal;
  /** What the answer's head announced; a body that ends before is no answer. */
  readonly sizeBytes: number | undefined;
  readonly skipBytes: number;
  /** What comes behind is not read. */
  readonly limitBytes: number;
  /** Memory of at least `limitBytes`; without it memory is allocated. */
  readonly into?: Buffer | undefined;
}

export async function readBody(body: Readable, reading: BodyReading): Promise<Buffer> {
  const { signal, sizeBytes, skipBytes, limitBytes, into } = reading;
  addAbortSignal(signal, body);
  const wantedEnd = skipBytes + limitBytes;
  const expectedBytes = Math.max(0, Math.min(sizeBytes ?? wantedEnd, wantedEnd) - skipBytes);
  const pieces: Buffer[] = [];
  let target = into ?? (sizeBytes === undefined ? undefined : Buffer.allocUnsafeSlow(expectedBytes));
  let [seenBytes, keptBytes] = [0, 0];
  for await (const data of body as AsyncIterable<Buffer>) {
    const piece = data.subarray(Math.max(0, skipBytes - seenBytes), wantedEnd - seenBytes);
    seenBytes += data.length;
    if (target === undefined) pieces.push(piece);
    else piece.copy(target, keptBytes);
    keptBytes += piece.length;
    // Leaving the loop destroys the stream, and with it the connection.
    if (seenBytes >= wantedEnd && seenBytes !== sizeBytes) break;
  }
  if (sizeBytes !== undefined && seenBytes < Math.min(sizeBytes, wantedEnd)) {
    throw new Error(`the body ended after ${seenBytes} of ${sizeBytes} bytes`);
  }
  target ??= Buffer.concat(pieces);
  return target.subarray(0, keptBytes);
}
