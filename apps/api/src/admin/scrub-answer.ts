/** What the API says of scrubs. The classes are also its OpenAPI schema. */
import { ApiProperty } from '@nestjs/swagger';
import type { DamagedFile } from '#libs/catalog';
import type { StoreId } from '#libs/kernel';
import type { FullRead, ScrubRun, ScrubView } from '#libs/maintenance';

const STATES = ['running', 'waiting', 'off'] as const;

export class ScrubProblemAnswer {
  @ApiProperty({ description: 'A code of ERRORS.md, or of the system.', example: 'store_unreachable' })
  code!: string;

  @ApiProperty()
  message!: string;

  @ApiProperty({ description: 'Since when, in epoch milliseconds.' })
  at!: number;
}

export class ScrubAnswer {
  @ApiProperty({
    enum: STATES,
    enumName: 'ScrubState',
    description:
      'running: the store is being read. waiting: it cannot be read now (last_error), or the next pass is not due yet (next_pass_at). off: SCRUB_RATE is 0.',
  })
  state!: (typeof STATES)[number];

  @ApiProperty({
    type: Number,
    nullable: true,
    description: 'Of the pass under way, or, between two, of the last one, as are the next three; epoch milliseconds.',
  })
  pass_started_at!: number | null;

  @ApiProperty({ description: 'Chunks, manifests and tombstones read.' })
  objects!: number;

  @ApiProperty({ description: 'Bytes read.' })
  bytes!: number;

  @ApiProperty({ description: 'Objects that had wrong bytes.' })
  corrupt!: number;

  @ApiProperty({ type: Number, nullable: true, description: 'When a pass last ended, in epoch milliseconds.' })
  last_completed_at!: number | null;

  @ApiProperty({ type: Number, nullable: true, description: 'When the next one begins; null while one is under way.' })
  next_pass_at!: number | null;

  @ApiProperty({ type: ScrubProblemAnswer, nullable: true, description: 'Why it cannot go on now.' })
  last_error!: ScrubProblemAnswer | null;
}

export class DamagedFileAnswer {
  @ApiProperty({ format: 'uuid' })
  file_id!: string;

  @ApiProperty()
  file_name!: string;

  @ApiProperty({ enum: ['chunk', 'manifest'], description: 'What of it no store has whole.' })
  kind!: 'chunk' | 'manifest';

  @ApiProperty({ description: 'Of the chunk, its SHA-256; of a manifest, the file id.' })
  id!: string;

  @ApiProperty({ type: [String], description: 'Stores that have it with other bytes, or not at all.' })
  stores!: string[];

  @ApiProperty({ description: 'When that was first seen, in epoch milliseconds.' })
  since!: number;
}

export function scrubAnswer(view: ScrubView): ScrubAnswer {
  const { error } = view;
  return {
    state: view.state,
    pass_started_at: view.passStartedAtMs ?? null,
    objects: view.objects,
    bytes: view.bytes,
    corrupt: view.corrupt,
    last_completed_at: view.lastCompletedAtMs ?? null,
    next_pass_at: view.nextPassAtMs ?? null,
    last_error: error === undefined ? null : { code: error.code, message: error.message, at: error.atMs },
  };
}

export function damagedFileAnswer(file: DamagedFile, nameOf: (storeId: StoreId) => string): DamagedFileAnswer {
  return {
    file_id: file.fileId,
    file_name: file.fileName,
    kind: file.object.kind,
    id: file.object.id,
    stores: file.storeIds.map(nameOf),
    since: file.sinceMs,
  };
}

/** What an operation of the kind `scrub` has found so far. */
export function scrubResult({ reads }: ScrubRun): object {
  return { stores: reads.map(readResult) };
}

function readResult({ storeId, name, state, progress, error }: FullRead): object {
  const { objects, bytes, found, findings } = progress;
  return {
    store_id: storeId,
    name,
    state,
    objects,
    bytes,
    corrupt: found.corrupt ?? 0,
    findings: findings.map(({ key, action, reason }) => ({ kind: key.kind, id: key.id, action, reason })),
    error: error ?? null,
  };
}
