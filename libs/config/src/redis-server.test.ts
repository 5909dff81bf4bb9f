import { expect, it } from 'vitest';
import { redisServer } from './redis-server.js';

it.each([
  'redis://127.0.0.1:6379',
  'redis://localhost',
  'redis://[::1]:6379/0',
  'rediss://user:pass%40word@redis.example:6380/3',
  'redis://:only-a-password@redis',
])('takes %s as it is', (text) => {
  expect(redisServer.parse(text, '/')).toEqual({ value: text });
});

it.each([
  ['127.0.0.1:6379', 'does not start with'],
  ['http://127.0.0.1:6379', 'does not start with'],
  ['redis://', 'does not start with'],
  ['redis:///0', 'does not start with'],
  ['redis://host:port', 'is no URL'],
  ['redis://host:99999', 'is no URL'],
  ['redis://host/?family=6', 'has options'],
  ['redis://host/zero', 'number of a database'],
  ['redis://host/1/2', 'number of a database'],
  ['redis://host name', 'is no URL'],
])('refuses %s', (text, why) => {
  expect(redisServer.parse(text, '/')).toEqual({ problem: expect.stringContaining(why) as string });
});
