/**
 * Records: what a frame's payload says, by type. Every payload starts with the same envelope, a u32 length and that many
 * bytes of JSON in snake_case, so that a record can be read by a person with a hex dump and grow keys without a new
 * version; a `file_put` goes on with the file's content (manifest.ts).
 */
import type { Frame } from './frame.js';
import type { FileId, Lsn } from './ids.js';
import { isFileId, lsn } from './ids.js';
import { StoreError } from './store-error.js';

export const RECORD_TYPES = {
  upload_begin: 1,
  file_put: 2,
  file_delete: 3,
  checkpoint: 4,
} as const;

export type RecordType = keyof typeof RECORD_TYPES;

const NAME_BY_NUMBER = new Map<number, RecordType>(
  Object.entries(RECORD_TYPES).map(([name, number]) => [number, name as RecordType]),
);

/** The record type of a frame, or undefined where a later version wrote it. */
export function recordTypeOf(frame: { readonly type: number }): RecordType | undefined {
  return NAME_BY_NUMBER.get(frame.type);
}

/** What the log is asked to append: everything of a frame that its caller decides. */
export interface RecordDraft {
  readonly type: RecordType;
  readonly flags: number;
  /** The payload is their concatenation; they must not change until the append is answered. */
  readonly payloadParts: readonly Uint8Array[];
}

export interface UploadBegin {
  readonly fileId: FileId;
  readonly createdAtMs: number;
}

export interface FileDelete {
  readonly fileId: FileId;
  readonly deletedAtMs: number;
}

export interface Checkpoint {
  /** Everything up to here is applied and durable where it was applied. */
  readonly checkpointLsn: Lsn;
}

export function uploadBeginDraft({ fileId, createdAtMs }: UploadBegin): RecordDraft {
  return draft('upload_begin', { file_id: fileId, created_at: createdAtMs });
}

export function fileDeleteDraft({ fileId, deletedAtMs }: FileDelete): RecordDraft {
  return draft('file_delete', { file_id: fileId, deleted_at: deletedAtMs });
}

export function checkpointDraft({ checkpointLsn }: Checkpoint): RecordDraft {
  return draft('checkpoint', { checkpoint_lsn: checkpointLsn });
}

export function decodeUploadBegin(frame: Frame): UploadBegin {
  const { json } = readEnvelope(frame);
  return { fileId: fileIdField(json, frame), createdAtMs: integerField(json, 'created_at', frame) };
}

export function decodeFileDelete(frame: Frame): FileDelete {
  const { json } = readEnvelope(frame);
  return { fileId: fileIdField(json, frame), deletedAtMs: integerField(json, 'deleted_at', frame) };
}

export function decodeCheckpoint(frame: Frame): Checkpoint {
  const { json } = readEnvelope(frame);
  return { checkpointLsn: lsn(integerField(json, 'checkpoint_lsn', frame)) };
}

export type JsonObject = Readonly<Record<string, unknown>>;

export function encodeEnvelope(json: JsonObject): Buffer {
  const text = JSON.stringify(json);
  const envelope = Buffer.allocUnsafe(4 + Buffer.byteLength(text));
  envelope.writeUInt32LE(envelope.length - 4, 0);
  envelope.write(text, 4);
  return envelope;
}

/** Splits a payload into its JSON and what follows. Throws `manifest_corrupt` where the envelope does not hold. */
export function readEnvelope(frame: Frame): { json: JsonObject; rest: Buffer } {
  const { payload } = frame;
  const jsonBytes = payload.length >= 4 ? payload.readUInt32LE(0) : -1;
  if (jsonBytes < 0 || jsonBytes > payload.length - 4) throw malformed(frame, 'the JSON length exceeds the payload');
  let json: unknown;
  try {
    json = JSON.parse(payload.toString('utf8', 4, 4 + jsonBytes));
  } catch (cause) {
    throw malformed(frame, 'the JSON does not parse', cause);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw malformed(frame, 'the JSON is no object');
  return { json: json as JsonObject, rest: payload.subarray(4 + jsonBytes) };
}

/** A frame whose checksum holds but whose payload is not what its type promises. */
export function malformed(frame: Frame, why: string, cause?: unknown): StoreError {
  return new StoreError('manifest_corrupt', `The record at LSN ${frame.lsn} is malformed: ${why}.`, {
    context: { lsn: frame.lsn, log_id: frame.logId, record_type: frame.type },
    cause,
  });
}

export function fileIdField(json: JsonObject, frame: Frame): FileId {
  const value = json['file_id'];
  if (typeof value !== 'string' || !isFileId(value)) throw malformed(frame, 'file_id is no UUIDv7');
  return value;
}

export function integerField(json: JsonObject, key: string, frame: Frame): number {
  const value = json[key];
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw malformed(frame, `${key} is no count`);
  return value as number;
}

export function stringField(json: JsonObject, key: string, frame: Frame): string {
  const value = json[key];
  if (typeof value !== 'string') throw malformed(frame, `${key} is no string`);
  return value;
}

function draft(type: RecordType, json: JsonObject): RecordDraft {
  return { type, flags: 0, payloadParts: [encodeEnvelope(json)] };
}
