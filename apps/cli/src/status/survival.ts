/**
 * What is left when a disk dies now. Nothing is claimed that the server has not confirmed: a store that does not answer,
 * or whose debts are not counted yet, saves nobody, and of two that both lack files the one that lacks fewer counts.
 */
import type { ReplicasStatus, StoreStatus } from '#libs/client';
import { sizeText } from '#libs/terminal';
import { durationText } from './time-text.js';

/** The replicas; a later server may list its primary too. */
export function replicasOf({ stores }: ReplicasStatus): readonly StoreStatus[] {
  return stores.filter(({ name, state }) => name !== 'primary' && state !== 'draining');
}

export function survivalLines(status: ReplicasStatus): string[] {
  const replicas = replicasOf(status);
  if (replicas.length === 0) return ["If the primary's disk dies now: every file is lost; there is no replica."];
  return [`If the primary's disk dies now: ${lossOfPrimary(replicas)}`, `If a replica dies: ${lossOfReplica(status)}`];
}

function lossOfPrimary(replicas: readonly StoreStatus[]): string {
  const counted = replicas.filter(({ state, filling }) => ['online', 'degraded'].includes(state) && filling !== true);
  const [best, ...others] = counted.toSorted((left, right) => lacking(left) - lacking(right));
  if (best === undefined) return `nobody can say what is left: ${names(replicas)} ${uncounted(replicas)}.`;
  if (lacking(best) === 0) {
    const whole = [best, ...others.filter((other) => lacking(other) === 0)];
    return `no file is lost; ${names(whole)} ${whole.length === 1 ? 'has' : 'each have'} all of them.`;
  }
  const { lag, name } = best;
  const files = lacking(best) === 1 ? '1 file' : `${lacking(best)} files`;
  return `at most ${files} (${sizeText(lag.bytes)}) ${lacking(best) === 1 ? 'is' : 'are'} lost, owed for ${durationText(lag.seconds * 1000)} at most; ${name} has all others.`;
}

/** What the primary does not have whole is on the replicas at best. */
function lossOfReplica({ primary }: ReplicasStatus): string {
  const count = primary === undefined ? 0 : lacking(primary);
  if (count === 0) return 'no file is lost.';
  return `at most ${count === 1 ? '1 file is' : `${count} files are`} lost, which the primary does not have whole.`;
}

/** Files that it does not have whole, as far as anybody knows: what is to be deleted there is no loss. */
function lacking({ obligations }: StoreStatus): number {
  return obligations.put + obligations.repair;
}

function uncounted(replicas: readonly StoreStatus[]): string {
  const isFilling = replicas.some(({ filling, state }) => filling === true && ['online', 'degraded'].includes(state));
  if (isFilling) return replicas.length === 1 ? 'is being looked through' : 'are away or being looked through';
  return replicas.length === 1 ? 'does not answer' : 'do not answer';
}

function names(stores: readonly StoreStatus[]): string {
  return stores.map(({ name }) => name).join(' and ');
}
