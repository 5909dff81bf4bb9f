/** The address to listen on, and whether it can be reached from another machine. */

import { BlockList, isIP } from 'node:net';
import { accepted, refused, type ValueKind } from './value-kind.js';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

const HOST_NAME = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;

/** `010.1` and `0` are numbers to a resolver, which reads them as addresses nobody meant. */
const NUMBER_LIKE = /(^|\.)(\d+|0x[0-9a-f]*)$/i;

export const hostAddress: ValueKind<string> = {
  accepts: 'an IP address or a host name',
  parse: (text) => {
    if (isIP(text) !== 0) return accepted(text);
    if (text.startsWith('[')) return refused('is in brackets; write an IPv6 address without them');
    if (!HOST_NAME.test(text) || NUMBER_LIKE.test(text)) return refused('is neither an IP address nor a host name');
    return accepted(text);
  },
};

/**
 * True for 127.0.0.0/8, ::1 (in any spelling, mapped IPv4 included) and `localhost`. Any other name is false without
 * being resolved: what it resolves to can change after the check.
 */
export function isLoopbackHost(host: string): boolean {
  const version = isIP(host);
  if (version === 0) return host.toLowerCase() === 'localhost';
  return LOOPBACK.check(host, version === 4 ? 'ipv4' : 'ipv6');
}
