/** A store that does not answer, such as a mount whose server is gone, must not keep anything waiting for ever. */
import { StoreError } from '#libs/kernel';

/** Throws `store_unreachable` behind the time; what the work comes to then is nobody's. */
export async function inTime<Result>(work: Promise<Result>, timeoutMs: number): Promise<Result> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const error = new StoreError('store_unreachable', `The store gave no answer in ${timeoutMs} ms.`);
  const timer = setTimeout(() => reject(error), timeoutMs);
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
