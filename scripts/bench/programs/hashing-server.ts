/**
 * The reference of a large upload: what node:http and node:fs give whoever writes a body to one file, with its SHA-256 and
 * one fdatasync before the answer. Arguments: a directory. Prints its port; runs until it is ended.
 */
import { createHash } from 'node:crypto';
import { open, unlink } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

const directory = process.argv[2]!;
let serial = 0;

async function store(incoming: IncomingMessage): Promise<string> {
  const path = join(directory, String((serial += 1)));
  const file = await open(path, 'wx');
  try {
    const digest = createHash('sha256');
    for await (const piece of incoming as AsyncIterable<Buffer>) {
      digest.update(piece);
      await file.write(piece);
    }
    await file.datasync();
    return digest.digest('hex');
  } finally {
    await file.close();
    // The next round needs the room; it costs the one that is measured nothing.
    setTimeout(() => void unlink(path), 100);
  }
}

const server = createServer({ highWaterMark: 2 ** 20 }, (incoming, outgoing) => {
  store(incoming).then(
    (sha256) => outgoing.writeHead(201).end(sha256),
    (error: unknown) => outgoing.writeHead(500).end(String(error)),
  );
});
server.listen(0, '127.0.0.1', () => console.log(`PORT ${(server.address() as AddressInfo).port}`));
