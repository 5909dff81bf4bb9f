/** What the API says of the log. The classes are also its OpenAPI schema. */
import { ApiProperty } from '@nestjs/swagger';

export class SegmentAnswer {
  @ApiProperty({ description: 'The first LSN in 20 digits; the name of its file.', example: '00000000000000000001' })
  segment_id!: string;

  @ApiProperty()
  first_lsn!: number;

  @ApiProperty({ description: 'One below first_lsn where the segment holds no record yet.' })
  last_lsn!: number;

  @ApiProperty()
  size_bytes!: number;

  @ApiProperty({ enum: ['active', 'sealed'] })
  state!: 'active' | 'sealed';
}

export class SegmentsAnswer {
  @ApiProperty({ type: [SegmentAnswer] })
  segments!: SegmentAnswer[];

  @ApiProperty({ format: 'uuid' })
  log_id!: string;

  @ApiProperty({ description: 'Last record past its commit point.' })
  committed_lsn!: number;

  @ApiProperty({ description: 'Last record in the primary and the catalog.' })
  applied_lsn!: number;

  @ApiProperty({ description: 'Up to here everything is durable where it was applied.' })
  checkpoint_lsn!: number;

  @ApiProperty({ description: 'The log failed to reach the disk; only a restart clears it.' })
  poisoned!: boolean;
}

export class ChecksumAnswer {
  @ApiProperty({ type: String, nullable: true, description: 'CRC-32C in the record, hex.' })
  expected!: string | null;

  @ApiProperty({ type: String, nullable: true, description: 'CRC-32C of its bytes, hex.' })
  actual!: string | null;

  @ApiProperty({ enum: ['ok', 'torn', 'corrupt'] })
  verdict!: 'ok' | 'torn' | 'corrupt';
}

export class LogEntryAnswer {
  @ApiProperty()
  lsn!: number;

  @ApiProperty()
  segment_id!: string;

  @ApiProperty()
  offset_bytes!: number;

  @ApiProperty({ type: Number, nullable: true })
  length_bytes!: number | null;

  @ApiProperty({ type: String, nullable: true, description: 'upload_begin, file_put, file_delete or checkpoint.' })
  type!: string | null;

  @ApiProperty({ type: String, nullable: true, format: 'uuid' })
  file_id!: string | null;

  @ApiProperty({ type: ChecksumAnswer })
  checksum!: ChecksumAnswer;
}

export class LogEntriesAnswer {
  @ApiProperty({ type: [LogEntryAnswer] })
  entries!: LogEntryAnswer[];

  @ApiProperty({ type: Number, nullable: true, description: 'Hand it back as after; null where nothing follows now.' })
  next_after!: number | null;

  @ApiProperty({ description: 'First record that the log still has.' })
  oldest_lsn!: number;
}

export class SegmentHeaderAnswer {
  @ApiProperty({ format: 'uuid' })
  cluster_id!: string;

  @ApiProperty({ format: 'uuid' })
  log_id!: string;

  @ApiProperty()
  first_lsn!: number;

  @ApiProperty({ description: 'Checkpoint of the log when the segment was made.' })
  checkpoint_lsn!: number;

  @ApiProperty({ description: 'Checksum of the frame before the first one here.' })
  prev!: string;
}

export class SegmentInspectionAnswer extends LogEntriesAnswer {
  @ApiProperty({ type: SegmentAnswer })
  segment!: SegmentAnswer;

  @ApiProperty({ type: SegmentHeaderAnswer, nullable: true, description: 'null where it does not hold any more.' })
  header!: SegmentHeaderAnswer | null;
}
