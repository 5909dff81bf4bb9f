/**
 * How an installation fares, in plain words: from what the server answers to the lines of one screen. Pure. What is wrong
 * is what does not mend itself; each such line says what helps.
 */
import type { LogStatus, ReplicasStatus, StoreStatus } from '#libs/client';
import { sizeText } from '#libs/terminal';
import { table } from '../terminal.js';
import { waitsOfCollection } from './collection-words.js';
import { ageText, durationText } from './time-text.js';
import type { ServerAnswers } from './server-answers.js';
import { survivalLines } from './survival.js';
import { wrongs } from './wrongs.js';

export interface StatusLine {
  readonly text: string;
  readonly tone: 'plain' | 'heading' | 'good' | 'bad';
}

export interface StatusReport {
  readonly lines: readonly StatusLine[];
  /** What does not mend itself, one sentence each. */
  readonly wrong: readonly string[];
}

const plain = (text: string): StatusLine => ({ text, tone: 'plain' });
const heading = (text: string): StatusLine => ({ text, tone: 'heading' });

/** What a terminal would take for a command of its own; a name or a message may hold it. */
const CONTROL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

export function statusReport(answers: ServerAnswers, nowMs: number): StatusReport {
  const wrong = wrongs(answers);
  const { url, ready } = answers;
  const lines: StatusLine[] = [
    ready.status === 'ready'
      ? { text: `The server at ${url} serves.`, tone: 'good' }
      : { text: `The server at ${url} is not ready: ${ready.reasons.join(', ')}.`, tone: 'bad' },
    plain(logLine(answers.log)),
    plain(''),
    ...storeTable(answers.replicas, nowMs).map((text, index) => (index === 0 ? heading(text) : plain(text))),
    ...(answers.replicas.collection === undefined ? [] : waitsOfCollection(answers.replicas.collection)).map(plain),
    plain(''),
    heading('What survives what'),
    ...survivalLines(answers.replicas).map((text) => plain(`  ${text}`)),
    plain(''),
    ...(wrong.length === 0
      ? [{ text: 'Nothing is wrong.', tone: 'good' } as const]
      : [heading('What is wrong'), ...wrong.map((text) => ({ text: `  ${text}`, tone: 'bad' }) as const)]),
  ];
  const tidy = (text: string): string => text.replaceAll(CONTROL, '\u{FFFD}');
  return { lines: lines.map(({ text, tone }) => ({ text: tidy(text), tone })), wrong: wrong.map(tidy) };
}

function logLine({ segments, committed_lsn, applied_lsn, checkpoint_lsn }: LogStatus): string {
  const size = segments.reduce((sum, { size_bytes }) => sum + size_bytes, 0);
  return `The log ends at LSN ${committed_lsn}, applied up to ${applied_lsn}, checkpoint at ${checkpoint_lsn}; ${sizeText(size)} on the disk.`;
}

function storeTable({ stores: replicas, primary, queue }: ReplicasStatus, nowMs: number): string[] {
  if (replicas.length === 0) return ['There is no replica.'];
  const stores = primary === undefined ? replicas : [primary, ...replicas];
  const rows = stores.map((store) => [
    store.name,
    store.filling === true ? `${store.state}, filling` : store.state,
    owedText(store),
    store.last_success_at === null ? '-' : ageText(nowMs - store.last_success_at),
    store.last_error === null ? '-' : `${store.last_error.code}, ${ageText(nowMs - store.last_error.at)}`,
    scrubText(store, nowMs),
  ]);
  const header = ['store', 'state', 'owed', 'last success', 'last error', 'scrub'];
  const width = stores.some(({ scrub }) => scrub !== undefined && scrub !== null) ? header.length : header.length - 1;
  const by = queue.kind === 'redis' ? 'workers, through Redis' : 'the server itself';
  return [
    ...table(
      header.slice(0, width),
      rows.map((row) => row.slice(0, width)),
    ),
    `Copies are made by ${by}.`,
  ];
}

function owedText({ obligations, lag }: StoreStatus): string {
  if (lag.files === 0) return 'nothing';
  const kinds = [
    [obligations.put, 'to copy'],
    [obligations.delete, 'to delete'],
    [obligations.repair, 'to repair'],
  ] as const;
  const counts = kinds.flatMap(([count, what]) => (count === 0 ? [] : [`${count} ${what}`]));
  return `${counts.join(', ')} (${sizeText(lag.bytes)}), for ${durationText(lag.seconds * 1000)}`;
}

function scrubText({ scrub }: StoreStatus, nowMs: number): string {
  if (scrub === undefined || scrub === null) return '-';
  const corrupt = (scrub.corrupt ?? 0) > 0 ? `, ${scrub.corrupt} corrupt` : '';
  const last = typeof scrub.last_completed_at === 'number' ? `, whole ${ageText(nowMs - scrub.last_completed_at)}` : '';
  return `${scrub.state ?? 'unknown'}${corrupt}${last}`;
}
