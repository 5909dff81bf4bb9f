/**
 * Manifests and tombstones as version 1 writes them. The files in `fixtures/` are never made anew for version 1: where
 * this test fails, it is the code that has changed, and stores that are out there could no longer be read, or copies of
 * one file would no longer be equal. A later version adds files of its own beside these.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checksumText } from './checksum.js';
import { decodeWholeFrame, encodeFrame, frameEndMark, frameLength } from './frame.js';
import type { Frame } from './frame.js';
import { lsn } from './ids.js';
import type { LogId } from './ids.js';
import { decodeManifest, manifestDraft } from './manifest.js';
import { decodeFileDelete, fileDeleteDraft, readEnvelope, RECORD_TYPES } from './record.js';
import type { JsonObject, RecordDraft, RecordType } from './record.js';

interface Described {
  readonly log_id: string;
  readonly end_mark: string;
  readonly type: RecordType;
  readonly flags: number;
  readonly lsn: number;
  readonly durable_lsn: number;
  readonly prev: string;
  readonly checksum: string;
  readonly length: number;
  readonly json: JsonObject;
  readonly inline?: string;
  readonly chunks?: readonly { sha256: string; length: number; stored_length: number; crc32c: string }[];
}

const fixture = (name: string): Buffer => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));

function frameOf(name: string): Frame {
  const decoded = decodeWholeFrame(fixture(`${name}.frame`));
  if (!decoded.ok) throw new Error(`${name}: ${decoded.bad.reason}`);
  return decoded.frame;
}

/** What the record says, as the next writer would say it. */
function redraft(frame: Frame, type: RecordType): RecordDraft {
  return type === 'file_delete' ? fileDeleteDraft(decodeFileDelete(frame)) : manifestDraft(decodeManifest(frame));
}

describe.each(['manifest-inline-v1', 'manifest-chunked-v1', 'tombstone-v1'])('%s', (name) => {
  const described = JSON.parse(fixture(`${name}.json`).toString()) as Described;

  it('is read as it is described', () => {
    const frame = frameOf(name);
    const { inline: _inline, chunks: _chunks, ...facts } = described;
    expect({
      log_id: frame.logId,
      end_mark: frameEndMark(frame),
      type: Object.entries(RECORD_TYPES).find(([, number]) => number === frame.type)?.[0],
      flags: frame.flags,
      lsn: frame.lsn,
      durable_lsn: frame.durableLsn,
      prev: checksumText(frame.prev),
      checksum: checksumText(frame.checksum),
      length: frame.lengthBytes,
      json: readEnvelope(frame).json,
    }).toEqual(facts);
    expect(frame.version).toBe(1);
  });

  it('is written again to the same bytes', () => {
    const frame = frameOf(name);
    const { payloadParts, flags } = redraft(frame, described.type);
    const size = payloadParts.reduce((sum, part) => sum + part.byteLength, 0);
    const fields = {
      prev: Number.parseInt(described.prev, 16),
      type: RECORD_TYPES[described.type],
      flags,
      lsn: lsn(described.lsn),
      durableLsn: lsn(described.durable_lsn),
      logId: described.log_id as LogId,
      endMark: described.end_mark,
    };
    const { bytes } = encodeFrame(Buffer.alloc(frameLength(size)), 0, fields, payloadParts);
    expect(bytes.toString('hex')).toBe(fixture(`${name}.frame`).toString('hex'));
  });
});

describe('the content of a golden manifest', () => {
  it('is inline', () => {
    const { content, fileName, unknown } = decodeManifest(frameOf('manifest-inline-v1'));
    expect(content).toEqual({ kind: 'inline', bytes: Buffer.from('Hello, world\n') });
    expect(fileName).toBe('hello – 😀.txt');
    expect(unknown).toEqual({});
  });

  it('is a table of chunks, and keys of a later version are kept', () => {
    const { chunks: described } = JSON.parse(fixture('manifest-chunked-v1.json').toString()) as Described;
    const { content, unknown, mode, wait } = decodeManifest(frameOf('manifest-chunked-v1'));
    const chunks = described!.map(({ sha256, length, stored_length, crc32c }) => ({
      chunkId: sha256,
      lengthBytes: length,
      storedBytes: stored_length,
      checksum: Number.parseInt(crc32c, 16),
    }));
    expect(content).toEqual({ kind: 'chunks', chunks });
    expect({ unknown, mode, wait }).toEqual({
      unknown: { attributes: { kept: 'though not known here' } },
      mode: 'sync',
      wait: 2,
    });
  });
});
