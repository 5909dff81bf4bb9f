/** Resolves when the promise has settled, either way, or when the time is up. What a hanging server must not hold up. */
export async function settledWithin(promise: Promise<unknown>, timeoutMs: number): Promise<'settled' | 'late'> {
  const { promise: late, resolve } = Promise.withResolvers<'late'>();
  const timer = setTimeout(resolve, timeoutMs, 'late');
  const settled = promise.then(
    () => 'settled' as const,
    () => 'settled' as const,
  );
  try {
    return await Promise.race([settled, late]);
  } finally {
    clearTimeout(timer);
  }
}
