export { silentLog } from './log.js';
export type { Log, LogFacts } from './log.js';
export { withDetailSpan, withSpan } from './span.js';
export type { SpanDescription } from './span.js';
export { downloadChunkSpanName, SPAN, SPAN_CHILDREN } from './span-names.js';
export type { SpanName } from './span-names.js';
