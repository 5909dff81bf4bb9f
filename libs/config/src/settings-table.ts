/**
 * The one table of settings. Parsing, refusals and the table in the README all come from it, so a setting cannot exist
 * without its default, its rule and a sentence on what changing it costs. A setting enters the table on the day it has
 * an effect, not before.
 */

import { apiKeyList, type ApiKey } from './api-key.js';
import { hostAddress } from './address.js';
import { DAY_MS, durationBetween } from './duration.js';
import { directory, replicaList, sqliteFile, type ReplicaLocation } from './location.js';
import { rateOrOff } from './rate.js';
import { redisServer } from './redis-server.js';
import { awsText } from './s3-location.js';
import { KIB, MIB, sizeBetween, sizeFrom } from './size.js';
import { accepted, integerBetween, oneOf, refused, type ValueKind } from './value-kind.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';
export type ReplicationMode = 'async' | 'sync';
/** How many replicas a `sync` write waits for. */
export type ReplicationWait = 'all' | number;
/** Who does the copying: the api itself, or processes of `npm run worker`. */
export type WorkerPlace = 'embedded' | 'external';

export interface Settings {
  readonly host: string;
  /** 0 lets the system pick a free port. */
  readonly port: number;
  readonly storagePath: string;
  readonly replicas: readonly ReplicaLocation[];
  readonly awsAccessKeyId: string;
  readonly awsSecretAccessKey: string;
  /** '' unless the credentials are temporary ones. */
  readonly awsSessionToken: string;
  /** '' where the location of the replica, or the default, says. */
  readonly awsRegion: string;
  readonly walPath: string;
  readonly catalogPath: string;
  /** Can hold a password; '' means that jobs stay in the process. */
  readonly redisUrl: string;
  readonly workers: WorkerPlace;
  readonly replicationMode: ReplicationMode;
  readonly replicationWait: ReplicationWait;
  readonly replicationTimeoutMs: number;
  readonly chunkSizeBytes: number;
  readonly inlineMaxBytes: number;
  readonly maxFileSizeBytes: number;
  readonly walSegmentSizeBytes: number;
  readonly walMaxSizeBytes: number;
  readonly walRetainSegments: number;
  readonly diskReserveBytes: number;
  readonly gcGraceMs: number;
  readonly tombstoneHoldMs: number;
  /** 0 turns the scrub off. */
  readonly scrubRateBytesPerSecond: number;
  readonly bufferBudgetBytes: number;
  readonly readParallelism: number;
  readonly idleTimeoutMs: number;
  readonly apiKeys: readonly ApiKey[];
  readonly adminApiKeys: readonly ApiKey[];
  readonly logLevel: LogLevel;
}

export interface SettingRow<T> {
  /** The environment variable. */
  readonly name: string;
  /** As it would be written in the environment; '' stands for none. */
  readonly default: string;
  readonly kind: ValueKind<T>;
  /** What it is, then what changing it costs. */
  readonly doc: string;
  /** What a refusal shows where the default is '' or would not help. */
  readonly example?: string;
  /** `allowed` where an empty variable means none; elsewhere it is a wrong value, most often a lost substitution. */
  readonly empty?: 'allowed';
  /** Where a value can hold a secret: a refusal shows nothing of it, or of a URL only the scheme. */
  readonly conceal?: 'all' | 'behind_scheme';
}

const MAX_REPLICAS = 1_000;

const replicaCount = integerBetween(0, MAX_REPLICAS);
const WAITS = `all, or ${replicaCount.accepts}`;

const replicationWait: ValueKind<ReplicationWait> = {
  accepts: WAITS,
  parse: (text, packageRoot) => {
    if (text === 'all') return accepted(text);
    const parsed = replicaCount.parse(text, packageRoot);
    return 'problem' in parsed ? refused(`is not ${WAITS}`) : parsed;
  },
};

export const SETTINGS_TABLE: { readonly [Field in keyof Settings]: SettingRow<Settings[Field]> } = {
  host: {
    name: 'HOST',
    default: '127.0.0.1',
    kind: hostAddress,
    doc: 'Address to listen on. Anything but loopback opens the server to the network and needs API_KEY.',
  },
  port: {
    name: 'PORT',
    default: '8080',
    kind: integerBetween(0, 65_535),
    doc: 'Port to listen on; 0 picks a free one. Clients must know the new one.',
  },
  storagePath: {
    name: 'STORAGE_PATH',
    default: './data/primary',
    kind: directory,
    doc: 'Directory of the primary store. Changing it does not move what is stored: move the directory first, or the server refuses the empty one.',
  },
  replicas: {
    name: 'REPLICAS',
    default: './data/replica1,./data/replica2',
    kind: replicaList,
    empty: 'allowed',
    doc: 'Places that are owed a copy of every file: directories, or buckets of a server that speaks S3. A new one is filled, an emptied one is not written to; one that was taken out may come back only when it is empty. One more costs a row per file and the room.',
  },
  awsAccessKeyId: {
    name: 'AWS_ACCESS_KEY_ID',
    default: '',
    kind: awsText,
    empty: 'allowed',
    conceal: 'all',
    doc: 'Id of the key that s3:// replicas are written with; one for all of them. Without it they are offline, and the server runs.',
  },
  awsSecretAccessKey: {
    name: 'AWS_SECRET_ACCESS_KEY',
    default: '',
    kind: awsText,
    empty: 'allowed',
    conceal: 'all',
    doc: 'Secret of that key. It must be allowed to get, put, list and delete objects, and to make the bucket where it is not there.',
  },
  awsSessionToken: {
    name: 'AWS_SESSION_TOKEN',
    default: '',
    kind: awsText,
    empty: 'allowed',
    conceal: 'all',
    doc: 'Token of temporary credentials. When they expire the replicas are offline until a start with new ones.',
  },
  awsRegion: {
    name: 'AWS_REGION',
    default: '',
    kind: awsText,
    empty: 'allowed',
    doc: 'Region of s3:// replicas whose location names none; with neither it is us-east-1. Most compatible servers take any.',
  },
  walPath: {
    name: 'WAL_PATH',
    default: './wal',
    kind: directory,
    doc: 'Directory of the write-ahead log. Every answer to a write waits for the sync of this disk; move it only while the server is stopped, and with its content.',
  },
  catalogPath: {
    name: 'DATABASE_URL',
    default: 'sqlite:./data/catalog.db',
    kind: sqliteFile,
    conceal: 'behind_scheme',
    doc: 'SQLite file of the catalog. It is an index: at a new place it is rebuilt from the log and the stores, which takes time with many files.',
  },
  redisUrl: {
    name: 'REDIS_URL',
    default: '',
    kind: redisServer,
    empty: 'allowed',
    example: 'redis://127.0.0.1:6379',
    conceal: 'behind_scheme',
    doc: 'Redis that carries jobs to workers and results back. With none, jobs stay in this process and need no other service. A Redis that is lost or changed costs nothing but time: what is owed stands in the catalog.',
  },
  workers: {
    name: 'WORKERS',
    default: 'embedded',
    kind: oneOf('embedded', 'external'),
    doc: 'Who copies: embedded does it in a thread of the server, external leaves it to processes of npm run worker, which need REDIS_URL. With external and no such process running, nothing is copied.',
  },
  replicationMode: {
    name: 'REPLICATION_MODE',
    default: 'async',
    kind: oneOf('async', 'sync'),
    doc: 'When a write is answered that does not say it itself (?replication=): async once it is durable on the primary, so that a loss of the primary before the copies are made loses it; sync once REPLICATION_WAIT replicas hold it too, which takes as long as the slowest of them.',
  },
  replicationWait: {
    name: 'REPLICATION_WAIT',
    default: 'all',
    kind: replicationWait,
    doc: 'How many replicas a sync write waits for that does not say it itself (?wait=). Fewer is faster and rides over a replica that is away; at 0 sync is async.',
  },
  replicationTimeoutMs: {
    name: 'REPLICATION_TIMEOUT',
    default: '10s',
    kind: durationBetween(1, DAY_MS),
    doc: 'How long a sync write waits for its replicas. Then it is answered 202, durable on the primary, with what is still owed; shorter makes clients see that more often, longer keeps them waiting while a replica is away.',
  },
  chunkSizeBytes: {
    name: 'CHUNK_SIZE',
    default: '1MiB',
    kind: sizeBetween(4 * KIB, 8 * MIB),
    doc: 'Size of the chunks of new files. Smaller means more files on disk and syncs per upload; larger means more memory per transfer and more read for a small range. Stored files keep theirs.',
  },
  inlineMaxBytes: {
    name: 'INLINE_MAX',
    default: '64KiB',
    kind: sizeBetween(0, MIB),
    doc: 'Files up to this size are kept inside their manifest, saving a file and its sync. Larger writes these bytes once more, into the log; smaller makes small files slower.',
  },
  maxFileSizeBytes: {
    name: 'MAX_FILE_SIZE',
    default: '10GiB',
    kind: sizeFrom(1),
    doc: 'Largest file accepted, at most 300,000 times CHUNK_SIZE. Larger lets one upload fill more of the disk.',
  },
  walSegmentSizeBytes: {
    name: 'WAL_SEGMENT_SIZE',
    default: '64MiB',
    kind: sizeBetween(64 * KIB, 512 * MIB),
    doc: 'Size of one log file, taken from the disk in advance. Smaller rotates more often, at a few syncs each; larger frees space later.',
  },
  walMaxSizeBytes: {
    name: 'WAL_MAX_SIZE',
    default: '1GiB',
    kind: sizeFrom(2 * 64 * KIB),
    doc: 'Size of the log at which writes wait for a checkpoint, at least two segments. Smaller makes bursts wait; larger takes disk space and lengthens recovery.',
  },
  walRetainSegments: {
    name: 'WAL_RETAIN',
    default: '0',
    kind: integerBetween(0, 1000),
    doc: 'Log files kept behind the checkpoint for /admin/wal to show. Each takes WAL_SEGMENT_SIZE of disk space and is read at every start; they go first when the log is over WAL_MAX_SIZE.',
  },
  diskReserveBytes: {
    name: 'DISK_RESERVE',
    default: '256MiB',
    kind: sizeFrom(0),
    doc: 'Free space that uploads may not touch on the disks of primary, log and catalog, and with it 4,096 inodes: deletes and recovery need them. Smaller risks a full disk that even a delete cannot relieve; 0B keeps neither.',
  },
  gcGraceMs: {
    name: 'GC_GRACE',
    default: '10m',
    kind: durationBetween(0, 365 * DAY_MS),
    doc: 'How long deleted files can be brought back (undelete), and the bytes of interrupted uploads stay on the disk. Longer takes that much more of it; below 30s, a file whose delete is lost together with the log can come back without its bytes.',
  },
  tombstoneHoldMs: {
    name: 'TOMBSTONE_HOLD',
    default: '7d',
    kind: durationBetween(DAY_MS / 24, 3650 * DAY_MS),
    doc: 'How long every store remembers a deleted file after its last replica confirmed the delete; while one is away nothing expires. Shorter gives less time to notice a store that was put back from an old backup; longer keeps a small file per delete and store.',
  },
  scrubRateBytesPerSecond: {
    name: 'SCRUB_RATE',
    default: '20MiB/s',
    kind: rateOrOff(KIB),
    doc: 'How fast every store, the primary too, is read again and held against its digests, at most once a day. Smaller leaves rot unnoticed for longer; larger takes disk and processor from requests. What a bucket is charged for reads it costs as well; 0 turns it off.',
  },
  bufferBudgetBytes: {
    name: 'BUFFER_BUDGET',
    default: '64MiB',
    kind: sizeFrom(4 * 4 * KIB),
    doc: 'Memory for the bytes of all uploads and downloads together, at least four chunks. Smaller pauses transfers earlier; larger takes that much more memory.',
  },
  readParallelism: {
    name: 'READ_PARALLELISM',
    default: '8',
    kind: integerBetween(1, 64),
    doc: 'Chunks of one download read at the same time. More speeds up disks with latency and takes more of BUFFER_BUDGET per download.',
  },
  idleTimeoutMs: {
    name: 'IDLE_TIMEOUT',
    default: '30s',
    kind: durationBetween(1, DAY_MS),
    doc: 'How long a connection may move no byte before it is closed. Shorter drops slow clients; longer lets dead ones hold their buffers.',
  },
  apiKeys: {
    name: 'API_KEY',
    default: '',
    kind: apiKeyList,
    example: 'backup:<16 or more random characters>',
    conceal: 'all',
    doc: 'Keys that clients send as Authorization: Bearer. With none, anyone on this machine may read and delete, and HOST must be loopback; removing a key locks out its clients.',
  },
  adminApiKeys: {
    name: 'ADMIN_API_KEY',
    default: '',
    kind: apiKeyList,
    example: 'operator:<16 or more random characters>',
    conceal: 'all',
    doc: 'Keys that /admin wants instead of API_KEY. With none, every client that may read files may also use /admin.',
  },
  logLevel: {
    name: 'LOG_LEVEL',
    default: 'info',
    kind: oneOf('debug', 'info', 'warn', 'error', 'silent'),
    doc: 'Least important log lines written. debug costs a few lines per request; above info the record of normal operation is missing when it is needed.',
  },
};

/** What `s3://` replicas are reached with. */
export type S3Access = Pick<Settings, 'awsAccessKeyId' | 'awsSecretAccessKey' | 'awsSessionToken' | 'awsRegion'>;

/** The field names, in the table's order. */
export const SETTING_FIELDS = Object.keys(SETTINGS_TABLE) as readonly (keyof Settings)[];
