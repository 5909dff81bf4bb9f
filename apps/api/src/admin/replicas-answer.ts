/** What the API says of replicas and operations. The classes are also its OpenAPI schema. */
import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import type { ScrubView } from '#libs/maintenance';
import type { ReplicaStatus } from '#libs/replication';
import type { OperationView } from './operations.js';
import { DamagedFileAnswer, ScrubAnswer, scrubAnswer } from './scrub-answer.js';

const STATES = ['online', 'degraded', 'offline', 'foreign', 'draining'] as const;

export class ObligationsAnswer {
  @ApiProperty({ description: 'Files to copy there.' })
  put!: number;

  @ApiProperty({ description: 'Files to delete there.' })
  delete!: number;

  @ApiProperty({ description: 'Files of which something there is missing or bad.' })
  repair!: number;
}

export class LagAnswer {
  @ApiProperty({ description: 'Files that are owed in any way.' })
  files!: number;

  @ApiProperty({ description: 'Bytes of these files.' })
  bytes!: number;

  @ApiProperty({ description: 'Age of the oldest order; 0 where nothing is owed.' })
  seconds!: number;
}

export class StoreProblemAnswer {
  @ApiProperty({ description: 'A code of ERRORS.md, or of the system.', example: 'store_unreachable' })
  code!: string;

  @ApiProperty()
  message!: string;

  @ApiProperty({ description: 'Milliseconds since the Unix epoch.' })
  at!: number;
}

export class StoreStatusAnswer {
  @ApiProperty({ format: 'uuid' })
  store_id!: string;

  @ApiProperty({ example: 'replica1' })
  name!: string;

  @ApiProperty({ description: 'Where it is; without secrets.', example: '/srv/holdfast/data/replica1' })
  url!: string;

  @ApiProperty({
    enum: STATES,
    enumName: 'StoreState',
    description:
      'online: copies are made. degraded: some fail, or the store has just stopped to answer. offline: it does not answer; it is asked again by itself. foreign: another store stands there, and nothing is written to it. draining: no longer in REPLICAS; nothing is copied to it, and it goes from this list soon.',
  })
  state!: (typeof STATES)[number];

  @ApiProperty({ type: ObligationsAnswer })
  obligations!: ObligationsAnswer;

  @ApiProperty({ type: LagAnswer })
  lag!: LagAnswer;

  @ApiProperty({ description: 'It has just joined, and lacks more than is counted as owed: that is being worked out.' })
  filling!: boolean;

  @ApiProperty({
    type: Number,
    nullable: true,
    description: 'When it last confirmed something, in epoch milliseconds.',
  })
  last_success_at!: number | null;

  @ApiProperty({ type: StoreProblemAnswer, nullable: true })
  last_error!: StoreProblemAnswer | null;

  @ApiProperty({
    type: ScrubAnswer,
    nullable: true,
    description: 'How the reading of all its bytes stands; null where it is draining.',
  })
  scrub!: ScrubAnswer | null;
}

export class QueueAnswer {
  @ApiProperty({ enum: ['embedded', 'redis'] })
  kind!: 'embedded' | 'redis';

  @ApiProperty({ enum: ['ready', 'unavailable'], description: 'What is owed stays owed while it is unavailable.' })
  state!: 'ready' | 'unavailable';

  @ApiProperty({ type: String, nullable: true })
  last_error!: string | null;
}

export class AwaitedLookAnswer {
  @ApiProperty({ description: 'The store.' })
  store!: string;

  @ApiProperty({
    type: Number,
    nullable: true,
    description:
      'Manifests there that the catalog does not know; a repair names them. null where it was not seen whole yet.',
  })
  unknown_manifests!: number | null;
}

export class CollectionAnswer {
  @ApiProperty({
    type: [String],
    description:
      'Why no garbage is collected, where none is: files may be missing in the catalog (damaged_manifests, log_was_gone, ' +
      'unseen_replicas).',
  })
  held_by!: string[];

  @ApiProperty({
    type: [AwaitedLookAnswer],
    description:
      'Of unseen_replicas: stores that have not been seen, since the catalog was rebuilt, to hold no manifest that it does not know.',
  })
  awaited!: AwaitedLookAnswer[];
}

export class FullDiskAnswer {
  @ApiProperty({ description: 'The directory whose disk it is.' })
  path!: string;

  @ApiProperty({ enum: ['bytes', 'inodes'] })
  lacks!: 'bytes' | 'inodes';

  @ApiProperty({ description: 'How many of them are free.' })
  free!: number;

  @ApiProperty({ description: 'How many of them uploads leave free.' })
  reserved!: number;
}

export class ReplicasStatusAnswer {
  @ApiProperty({ type: [StoreStatusAnswer], description: 'The replicas.' })
  stores!: StoreStatusAnswer[];

  @ApiProperty({ type: StoreStatusAnswer, description: 'What is owed to the primary are repairs from a replica.' })
  primary!: StoreStatusAnswer;

  @ApiProperty({
    type: [DamagedFileAnswer],
    description:
      'Files that cannot be read now: no store that could be asked has all of them whole. The first hundred.',
  })
  damaged!: DamagedFileAnswer[];

  @ApiProperty({ type: QueueAnswer })
  queue!: QueueAnswer;

  @ApiProperty({
    type: [FullDiskAnswer],
    description:
      'Disks of the primary, the log and the catalog that are down to DISK_RESERVE: uploads answer 507 until there is room.',
  })
  full_disks!: FullDiskAnswer[];

  @ApiProperty({ type: CollectionAnswer })
  collection!: CollectionAnswer;
}

export class OperationBegunAnswer {
  @ApiProperty({ format: 'uuid' })
  operation_id!: string;
}

@ApiSchema({ description: 'What came of it. Operations of some kinds tell more; see the routes that begin them.' })
export class OperationResultAnswer {
  @ApiProperty({ description: 'Parts that were tried and failed; they are still owed.' })
  failed!: number;
}

export class OperationAnswer {
  @ApiProperty({ format: 'uuid' })
  operation_id!: string;

  @ApiProperty({ enum: ['replicas_sync', 'scrub', 'repair'] })
  kind!: string;

  @ApiProperty({ enum: ['running', 'done', 'failed'] })
  state!: OperationView['state'];

  @ApiProperty()
  done!: number;

  @ApiProperty()
  total!: number;

  @ApiProperty({
    type: OperationResultAnswer,
    description: 'What else there is to say at the end depends on the kind.',
  })
  result!: OperationResultAnswer;
}

export function storeStatusAnswer(status: ReplicaStatus, scrub: ScrubView | undefined): StoreStatusAnswer {
  const { lag, obligations, lastError } = status;
  const seconds = Math.ceil(lag.oldestMs / 1000);
  return {
    store_id: status.storeId,
    name: status.name,
    url: status.location,
    state: status.state,
    obligations: { put: obligations.put, delete: obligations.delete, repair: obligations.repair },
    lag: { files: lag.files, bytes: lag.bytes, seconds },
    filling: status.filling,
    last_success_at: status.lastSuccessAtMs ?? null,
    last_error:
      lastError === undefined ? null : { code: lastError.code, message: lastError.message, at: lastError.atMs },
    scrub: scrub === undefined ? null : scrubAnswer(scrub),
  };
}

export function operationAnswer(operation: OperationView): OperationAnswer {
  const { operationId, kind, state, done, total, failed, result } = operation;
  return { operation_id: operationId, kind, state, done, total, result: { failed, ...result } };
}
