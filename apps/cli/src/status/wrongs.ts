/** What does not mend itself, and what helps. A replica that merely lags, or has just stumbled, is not among it. */
import type { FullDisk, StoreStatus } from '#libs/client';
import { sizeText } from '#libs/terminal';
import { wrongsOfCollection } from './collection-words.js';
import type { ServerAnswers } from './server-answers.js';
import { replicasOf } from './survival.js';

const GUIDE = 'docs/operations.md';

/** Reasons of `/ready`; those that pass by themselves are not in here. */
const NOT_READY: Readonly<Record<string, string>> = {
  log_poisoned: `The log could not be synced to its disk, and nothing is written any more. Check the disk of WAL_PATH, then restart the server.`,
  apply_halted: `Written files cannot be applied: is the disk of STORAGE_PATH or of the catalog full? Free space there, and writes return by themselves: ${GUIDE}, "Disk full".`,
  checkpoint_failed: `No checkpoint can be taken, so the log only grows. Check the disks of STORAGE_PATH and the catalog, then restart the server.`,
};

/** Errors of a store that answers, and that only a person can end. */
const LASTING: Readonly<Record<string, string>> = {
  store_full: 'Free space there; copying goes on by itself.',
  store_read_only: 'Mount it writable; copying goes on by itself.',
  store_refused: 'Correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or what they allow, and restart the server.',
};

/** More damaged files than anybody reads on one screen; `--json` has what the server tells. */
const MAX_DAMAGED_TOLD = 5;

export function wrongs({ ready, replicas }: ServerAnswers): string[] {
  const damaged = replicas.damaged ?? [];
  const { queue } = replicas;
  return [
    ...ready.reasons.flatMap((reason) => NOT_READY[reason] ?? []),
    ...fullDiskLines(replicas.full_disks ?? []),
    ...(replicasOf(replicas).length === 0
      ? ['There is no replica: one disk holds everything. Name one in REPLICAS and restart the server.']
      : []),
    ...replicas.stores.flatMap(wrongOfStore),
    ...damaged
      .slice(0, MAX_DAMAGED_TOLD)
      .map(
        ({ file_id: fileId, file_name: name }) =>
          `The file ${fileId} ${JSON.stringify(name)} is damaged: no store that can be asked has all of it whole. ${GUIDE}, "A file is damaged".`,
      ),
    ...(damaged.length > MAX_DAMAGED_TOLD
      ? [`And ${damaged.length - MAX_DAMAGED_TOLD} more files are damaged, or more; --json names them.`]
      : []),
    ...(queue.state === 'unavailable'
      ? [
          `Redis cannot be used, so nothing is copied: ${queue.last_error ?? 'no reason known'}. Start it again, and what is owed is handed out by itself; or restart the server without it: ${GUIDE}, "Redis lost".`,
        ]
      : []),
    ...(replicas.collection === undefined ? [] : wrongsOfCollection(replicas.collection)),
  ];
}

/** Directories on one disk have the same room: one line for all of them. */
function fullDiskLines(disks: readonly FullDisk[]): string[] {
  const pathsOf = Map.groupBy(disks, ({ lacks, free, reserved }) => {
    return lacks === 'bytes'
      ? `${sizeText(free)} are free, and ${sizeText(reserved)} are kept (DISK_RESERVE)`
      : `${free} inodes are free, and ${reserved} are kept`;
  });
  return [...pathsOf].map(([room, sharing]) => {
    const paths = sharing.map(({ path }) => path).join(', ');
    return `Uploads are refused (507): of the disk of ${paths} ${room}. Delete files, or free more there, and they return by themselves: ${GUIDE}, "Disk full".`;
  });
}

function wrongOfStore({ name, url, state, last_error: error, last_success_at: lastSuccess }: StoreStatus): string[] {
  const why = error === null ? 'it does not answer' : `${error.code}: ${error.message}`;
  if (state === 'offline') {
    return [
      `${name} is away (${why}). Bring ${url} back and it goes on by itself; if it is lost: ${GUIDE}, "Replica lost".`,
    ];
  }
  if (state === 'foreign') {
    return [
      `Another store stands at ${url} than ${name}. Put the right disk back, or take what is there, with the server stopped: npm run holdfast -- adopt ${name}`,
    ];
  }
  const isLasting = error !== null && (lastSuccess === null || error.at > lastSuccess);
  const help = isLasting && state === 'degraded' ? LASTING[error.code] : undefined;
  return help === undefined ? [] : [`${name} takes no copies (${why}). ${help}`];
}
