/**
 * Small uploads that are all under way at the same moment: each has sent half of its body before any sends the rest.
 * Arguments: address, count, bytes. Prints how many were stored and how many were told to come again. Its own process.
 */
import { request } from 'node:http';
import type { ClientRequest } from 'node:http';

const [, , address = '', count = '', sizeBytes = ''] = process.argv;
const half = Buffer.alloc(Number(sizeBytes) / 2, 0x5a);
const headers = { 'content-length': half.length * 2 };

interface Upload {
  readonly outgoing: ClientRequest;
  readonly status: Promise<number>;
}

async function begin(): Promise<Upload> {
  const outgoing = request(address, { method: 'PUT', agent: false, headers });
  const status = new Promise<number>((answered, failed) => {
    outgoing.once('error', failed);
    outgoing.once('response', (answer) => {
      answer.resume().once('end', () => answered(answer.statusCode ?? 0));
    });
  });
  status.catch(() => undefined);
  await new Promise((sent) => outgoing.write(half, sent));
  return { outgoing, status };
}

const uploads: Upload[] = [];
for (let index = 0; index < Number(count); index += 1) uploads.push(await begin());
for (const { outgoing } of uploads) outgoing.end(half);
const statuses = await Promise.all(uploads.map(({ status }) => status));
const stored = statuses.filter((status) => status === 201).length;
const overloaded = statuses.filter((status) => status === 503).length;
if (stored + overloaded !== statuses.length) throw new Error(`some were answered ${[...new Set(statuses)].join(', ')}`);
console.log(JSON.stringify({ stored, overloaded }));
