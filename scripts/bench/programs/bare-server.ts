/**
 * What HTTP alone costs: reads every body and answers 201 with as many bytes as a real answer has. How fast the generator
 * drives it is the most that the generator could show of any server. Prints its port; runs until it is ended.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const answer = Buffer.alloc(Number(process.argv[2]), 0x20);
const server = createServer((incoming, outgoing) => {
  incoming.resume().once('end', () => {
    outgoing.writeHead(201, { 'content-type': 'application/json; charset=utf-8', 'content-length': answer.length });
    outgoing.end(answer);
  });
});
server.listen(0, '127.0.0.1', () => console.log(`PORT ${(server.address() as AddressInfo).port}`));
