/** The address of a Redis server. It may hold a password, so nothing of it is ever shown but its scheme. */

import { accepted, refused, type ValueKind } from './value-kind.js';

const SCHEMES = ['redis:', 'rediss:'];

export const redisServer: ValueKind<string> = {
  accepts: 'redis:// or rediss:// with [user:password@]host[:port][/database], or empty for none',
  parse: (text) => {
    if (text === '') return accepted('');
    if (!/^rediss?:\/\/[^/\s]/.test(text)) return refused('does not start with redis:// or rediss:// and a host');
    const url = URL.parse(text);
    if (url === null || !SCHEMES.includes(url.protocol) || url.hostname === '') return refused('is no URL of a server');
    if (url.search !== '' || url.hash !== '') return refused('has options behind the address, which are not supported');
    if (!/^\/?\d{0,5}$/.test(url.pathname))
      return refused('has something else than the number of a database as its path');
    return accepted(text);
  },
};
