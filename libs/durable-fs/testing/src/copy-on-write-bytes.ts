import { hash } from 'node:crypto';

const SMALLEST_CAPACITY_BYTES = 256;

/** Digests of shared buffers, which nobody modifies any more; the size is part of the key. */
const digests = new WeakMap<Buffer, { sizeBytes: number; digest: string }>();

/**
 * Growable bytes that can be shared without copying. Thousands of disks are made from one snapshot and differ in a few
 * bytes, so the rest is stored once.
 *
 * Invariant: a buffer that was ever shared is never modified again, by any of its holders.
 */
export class CopyOnWriteBytes {
  #buffer: Buffer = Buffer.alloc(0);
  #sizeBytes = 0;
  #isShared = false;

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  share(): CopyOnWriteBytes {
    this.#isShared = true;
    const twin = new CopyOnWriteBytes();
    twin.#buffer = this.#buffer;
    twin.#sizeBytes = this.#sizeBytes;
    twin.#isShared = true;
    return twin;
  }

  /** A view of the content, not to be modified and good until the next change. */
  view(): Buffer {
    return this.#buffer.subarray(0, this.#sizeBytes);
  }

  /** Bytes between the old end and `offset` become zeros. */
  write(bytes: Uint8Array, offset: number): void {
    if (bytes.length === 0) return;
    this.#own(Math.max(this.#sizeBytes, offset + bytes.length));
    // A shrunken file leaves old bytes behind its end, and they must not show when it grows again.
    if (offset > this.#sizeBytes) this.#buffer.fill(0, this.#sizeBytes, offset);
    this.#buffer.set(bytes, offset);
    this.#sizeBytes = Math.max(this.#sizeBytes, offset + bytes.length);
  }

  /** Sets the size; growth is filled with zeros. */
  resize(sizeBytes: number): void {
    if (sizeBytes > this.#sizeBytes) {
      this.#own(sizeBytes);
      this.#buffer.fill(0, this.#sizeBytes, sizeBytes);
    }
    this.#sizeBytes = sizeBytes;
  }

  digest(): string {
    const known = this.#isShared ? digests.get(this.#buffer) : undefined;
    if (known?.sizeBytes === this.#sizeBytes) return known.digest;
    const digest = hash('sha256', this.view());
    if (this.#isShared) digests.set(this.#buffer, { sizeBytes: this.#sizeBytes, digest });
    return digest;
  }

  #own(capacityBytes: number): void {
    if (!this.#isShared && capacityBytes <= this.#buffer.length) return;
    const roomy = capacityBytes > this.#buffer.length ? capacityBytes * 2 : capacityBytes;
    const buffer = Buffer.allocUnsafe(Math.max(roomy, SMALLEST_CAPACITY_BYTES));
    this.#buffer.copy(buffer, 0, 0, this.#sizeBytes);
    this.#buffer = buffer;
    this.#isShared = false;
  }
}
