import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { QueuedResponses } from './queued-responses.js';

/** As Node without the mend: of the end of its connection it hears only with a socket. */
class Response extends EventEmitter {
  socket: object | null = null;
  destroyed = false;
  closes = 0;

  constructor() {
    super();
    this.on('close', () => (this.closes += 1));
  }

  destroy(): this {
    this.destroyed = true;
    return this;
  }
}

function connection(count: number) {
  const socket = new EventEmitter();
  const queued = new QueuedResponses();
  const responses = Array.from({ length: count }, () => new Response());
  for (const response of responses) queued.follow(socket, response);
  return { socket, responses };
}

describe('answers that wait for their turn', () => {
  it('end with their connection, and are destroyed before they say so', () => {
    const { socket, responses } = connection(3);
    const [first, ...waiting] = responses;
    first!.socket = {};
    const seen: boolean[] = [];
    for (const response of waiting) response.on('close', () => seen.push(response.destroyed));
    socket.emit('close');
    expect(responses.map(({ closes }) => closes)).toEqual([0, 1, 1]);
    expect(seen).toEqual([true, true]);
  });

  it('that have ended before hear nothing more', () => {
    const { socket, responses } = connection(2);
    responses[0]!.emit('close');
    socket.emit('close');
    expect(responses.map(({ closes }) => closes)).toEqual([1, 1]);
  });

  it('cost their connection one listener, however many they are', () => {
    const { socket } = connection(100);
    expect(socket.listenerCount('close')).toBe(1);
  });
});
