/** Connections that ask for a file and never read a byte of it. Arguments: address, count, seconds. Its own process. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const [, , address = '', count = '', seconds = ''] = process.argv;
const { hostname, port, pathname } = new URL(address);

function ask(): Promise<Socket> {
  return new Promise((connected, failed) => {
    const socket = connect(Number(port), hostname, () => {
      socket.pause();
      socket.write(`GET ${pathname} HTTP/1.1\r\nhost: ${hostname}:${port}\r\n\r\n`, () => connected(socket));
    });
    socket.once('error', failed);
  });
}

const sockets: Socket[] = [];
for (let index = 0; index < Number(count); index += 1) sockets.push(await ask());
await delay(Number(seconds) * 1000);
for (const socket of sockets) socket.destroy();
console.log(JSON.stringify({ stalled: sockets.length }));
