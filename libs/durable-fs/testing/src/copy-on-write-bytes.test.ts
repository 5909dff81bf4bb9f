import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CopyOnWriteBytes } from './copy-on-write-bytes.js';

const change = fc.oneof(
  fc.record({
    kind: fc.constant('write' as const),
    offset: fc.nat(600),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 300 }),
  }),
  fc.record({ kind: fc.constant('resize' as const), sizeBytes: fc.nat(900) }),
  fc.record({ kind: fc.constant('share' as const) }),
);

describe('CopyOnWriteBytes', () => {
  it('equals a plain array after any changes, and no twin ever sees a change of another', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
        const bytes = new CopyOnWriteBytes();
        const twins: { twin: CopyOnWriteBytes; expected: Buffer; digest: string }[] = [];
        let model: number[] = [];
        for (const step of changes) {
          if (step.kind === 'share') {
            const twin = bytes.share();
            twins.push({ twin, expected: Buffer.from(model), digest: twin.digest() });
          } else if (step.kind === 'resize') {
            bytes.resize(step.sizeBytes);
            model = Array.from({ length: step.sizeBytes }, (_none, index) => model[index] ?? 0);
          } else {
            bytes.write(step.bytes, step.offset);
            const length = Math.max(model.length, step.offset + step.bytes.length);
            model = Array.from({ length }, (_none, index) => step.bytes[index - step.offset] ?? model[index] ?? 0);
          }
          expect(bytes.view().equals(Buffer.from(model))).toBe(true);
        }
        for (const { twin, expected, digest } of twins) {
          expect(twin.view().equals(expected)).toBe(true);
          expect(twin.digest()).toBe(digest);
        }
      }),
    );
  });

  it('gives a changed twin another digest, also where only the size differs', () => {
    const bytes = new CopyOnWriteBytes();
    bytes.write(Buffer.alloc(10), 0);
    const shorter = bytes.share();
    const digest = bytes.digest();
    shorter.resize(9);
    expect(shorter.digest()).not.toBe(digest);
    shorter.resize(10);
    expect(shorter.digest()).toBe(digest);
  });
});
