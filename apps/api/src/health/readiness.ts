/** Whether the server keeps its promises now, and if not, why. Pure; the answers are also their OpenAPI schema. */
import { ApiProperty } from '@nestjs/swagger';
import type { BootReport } from '#libs/recovery';
import type { ServerStage } from '../server-state.js';

const REASONS = ['recovering', 'log_poisoned', 'apply_halted', 'checkpoint_failed', 'shutting_down'] as const;
type Reason = (typeof REASONS)[number];

export class HealthAnswer {
  @ApiProperty({ enum: ['ok'], description: 'The process runs and answers.' })
  status!: 'ok';
}

export const HEALTHY: HealthAnswer = { status: 'ok' };

export class RecoveryAnswer {
  @ApiProperty({ description: 'Milliseconds since the Unix epoch.' })
  finished_at!: number;

  @ApiProperty()
  duration_ms!: number;

  @ApiProperty({ description: 'Records of the log that were applied again.' })
  replayed_records!: number;

  @ApiProperty({
    description:
      'Uploads begun since the last checkpoint that never ended. No file came of them; their chunks are collected.',
  })
  interrupted_uploads!: number;

  @ApiProperty()
  staged_files_removed!: number;

  @ApiProperty({ type: String, nullable: true, description: 'Where the torn tail of the log was set aside.' })
  torn_tail_path!: string | null;

  @ApiProperty({ type: String, nullable: true, description: 'Why the catalog was rebuilt, if it was.' })
  catalog_rebuilt!: string | null;

  @ApiProperty({ description: 'Manifests that could not be read while the catalog was rebuilt.' })
  damaged_manifests!: number;

  @ApiProperty({ description: 'The old log was gone although files are stored.' })
  log_was_gone!: boolean;
}

export class ReadinessAnswer {
  @ApiProperty({ enum: ['ready', 'not_ready'] })
  status!: 'ready' | 'not_ready';

  @ApiProperty({ enum: REASONS, isArray: true, enumName: 'NotReadyReason', description: 'Empty when ready.' })
  reasons!: Reason[];

  @ApiProperty({ type: RecoveryAnswer, nullable: true, description: 'Null until the recovery has ended.' })
  last_recovery!: RecoveryAnswer | null;
}

export interface Condition {
  readonly stage: ServerStage;
  readonly logPoisoned: boolean;
  readonly applyHalted: boolean;
  readonly checkpointFailed: boolean;
  readonly report: BootReport | undefined;
}

export const RECOVERING: Condition = {
  stage: 'recovering',
  logPoisoned: false,
  applyHalted: false,
  checkpointFailed: false,
  report: undefined,
};

export function readinessOf({ stage, logPoisoned, applyHalted, checkpointFailed, report }: Condition): ReadinessAnswer {
  const holds: Record<Reason, boolean> = {
    recovering: stage === 'recovering',
    log_poisoned: logPoisoned,
    apply_halted: applyHalted,
    checkpoint_failed: checkpointFailed,
    shutting_down: stage === 'stopping',
  };
  const reasons = REASONS.filter((reason) => holds[reason]);
  return {
    status: reasons.length === 0 ? 'ready' : 'not_ready',
    reasons,
    last_recovery: report === undefined ? null : recoveryAnswer(report),
  };
}

function recoveryAnswer(report: BootReport): RecoveryAnswer {
  return {
    finished_at: report.finishedAtMs,
    duration_ms: report.durationMs,
    replayed_records: report.replayedRecords,
    interrupted_uploads: report.interruptedUploads,
    staged_files_removed: report.stagedFilesRemoved,
    torn_tail_path: report.tornTailPath ?? null,
    catalog_rebuilt: report.catalogRebuilt ?? null,
    damaged_manifests: report.damagedManifests,
    log_was_gone: report.logWasGone,
  };
}
