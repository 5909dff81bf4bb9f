/**
 * The write-ahead log: `verifyLog` reads what is there and refuses what is damaged, `openLog` or `createLog` gives a
 * `WriteAheadLog`, `append` resolves at the commit point, `read` yields durable frames, `checkpoint` lets segments go.
 * The layout on disk: docs/formats/wal.md.
 */
export type { FrameAt } from './frame-cursor.js';
export { toLogEntry } from './log-reader.js';
export type { LogEntry } from './log-reader.js';
export { logLayout } from './log-layout.js';
export type { LogLayout } from './log-layout.js';
export { createLog, openLog } from './open-log.js';
export type { LogOptions } from './open-log.js';
export type { SegmentHeader } from './segment-header.js';
export { readSurveyed, surveyLog } from './survey-log.js';
export type { LogSurvey, SegmentSurvey } from './survey-log.js';
export { openSegmentFile, surveySegment } from './survey-segment.js';
export type { Damage, SegmentFile, SegmentPiece, SurveyedRecord } from './survey-segment.js';
export { verifyLog } from './verify-log.js';
export type { OutsideEvidence, VerifiedLog } from './verify-log.js';
export { WriteAheadLog } from './write-ahead-log.js';
export type { LogListener, SegmentStatus } from './write-ahead-log.js';
