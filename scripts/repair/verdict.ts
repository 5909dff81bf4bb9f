/**
 * The last line of a repair, which never says more than was looked at. Replicas are compared with the primary; the primary
 * alone is compared with the catalog, and with no other store. Pure.
 */
import type { RepairResult } from './admin.js';

type Judged = Pick<
  RepairResult,
  'equal' | 'whole' | 'differing' | 'primary' | 'stores' | 'left_out' | 'dry_run' | 'left' | 'reported'
>;

export function verdict(result: Judged): string {
  const { primary, stores, left_out: leftOut } = result;
  const replicas = stores.filter((name) => name !== primary);
  if (replicas.length === 0) return ofPrimary(result);
  if (leftOut.length === 0) return ofStores(result, { subject: 'the stores', whole: 'all stores are equal' });
  const subject = `${replicas.join(', ')} and ${primary}`;
  const unseen = leftOut.filter((name) => name !== primary);
  const whole = `${subject} are equal${unseen.length === 0 ? '' : `; nothing was compared with ${unseen.join(', ')}`}`;
  return ofStores(result, { subject, whole });
}

function ofStores(result: Judged, words: { readonly subject: string; readonly whole: string }): string {
  if (result.whole) return words.whole;
  if (result.equal) return `${words.subject} are equal, but ${whatIsLeft(result)}`;
  if (result.differing > 0) return `${words.subject} are NOT equal`;
  return `${words.subject} could not all be read to the end, and nobody knows whether they are equal`;
}

function ofPrimary(result: Judged): string {
  const { primary, left_out: others } = result;
  if (!result.equal) return `${primary} could not be read to the end`;
  const alone = others.length === 0 ? 'there is no other store' : 'no other store was compared with it';
  if (result.whole) return `${primary} holds what the catalog says; ${alone}`;
  return `${primary} was compared with the catalog; ${alone}, and ${whatIsLeft(result)}`;
}

function whatIsLeft({ dry_run: isDryRun, left, reported }: Judged): string {
  if (!isDryRun) return 'something is left that could not be mended';
  return reported === 0 && left > 0 ? 'something that is owed is not done' : 'what was found is not mended (--dry-run)';
}
