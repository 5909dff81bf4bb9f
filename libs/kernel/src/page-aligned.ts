/**
 * Large memory for file contents that begins at a page's start. What malloc takes from the kernel directly begins 16 bytes
 * behind it, and into such a place the kernel copies a cached file at a quarter of the speed: each load stands 16 bytes
 * before a store of a moment ago as far as x86 compares addresses, by their lower 12 bits, and waits for it.
 *
 * JavaScript does not show addresses: with another allocator the memory is as good, and only slower.
 */
const PAGE_BYTES = 4096;
const ALLOCATION_HEADER_BYTES = 16;

/** Uninitialised, and not in any pool; takes up memory only as far as it has been written. */
export function pageAlignedBuffer(sizeBytes: number): Buffer {
  const start = PAGE_BYTES - ALLOCATION_HEADER_BYTES;
  return Buffer.allocUnsafeSlow(start + sizeBytes).subarray(start);
}

/** The same, all zeros, and of memory that other threads see too. */
export function sharedPageAlignedBuffer(sizeBytes: number): Buffer {
  const start = PAGE_BYTES - ALLOCATION_HEADER_BYTES;
  return Buffer.from(new SharedArrayBuffer(start + sizeBytes), start);
}
