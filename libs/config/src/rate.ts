/** Bytes per second: a size and `/s`. Only `0` goes without, because nothing per second is nothing per anything. */
import { sizeFrom } from './size.js';
import { accepted, refused } from './value-kind.js';
import type { ValueKind } from './value-kind.js';

const PER_SECOND = '/s';

/** The value is in bytes per second; 0 turns off what it paces. */
export function rateOrOff(smallestBytesPerSecond: number): ValueKind<number> {
  const size = sizeFrom(smallestBytesPerSecond);
  const accepts = `${size.accepts} followed by ${PER_SECOND}, or 0`;
  return {
    accepts,
    parse: (text, packageRoot) => {
      if (text === '0') return accepted(0);
      if (!text.endsWith(PER_SECOND)) return refused(`is not ${accepts}`);
      const parsed = size.parse(text.slice(0, -PER_SECOND.length), packageRoot);
      return 'problem' in parsed ? refused(`is not ${accepts}`) : parsed;
    },
  };
}
