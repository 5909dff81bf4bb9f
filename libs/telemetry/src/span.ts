/**
 * Runs work inside a span. Cores use these two functions and never an SDK: without one they cost a few calls, and the
 * process that starts one sees every step. A span always ends, also when the work throws, because an SDK never exports
 * a span that was left open and its whole step would be missing from the trace.
 *
 * - `withSpan` for the steps of a request: starts a trace where there is none.
 * - `withDetailSpan` for what happens hundreds of times per request: exists only inside a recorded trace, and elsewhere
 *   allocates nothing.
 */

import {
  context,
  INVALID_SPAN_CONTEXT,
  isSpanContextValid,
  SpanStatusCode,
  trace,
  type Attributes,
  type Span,
} from '@opentelemetry/api';

import type { SpanName } from './span-names.js';

/** Follows the global provider: it may be taken before an SDK starts. */
const tracer = trace.getTracer('holdfast');

/** What the work is handed where nothing is recorded: it accepts every call and keeps nothing. */
const SILENT_SPAN = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);

export interface SpanDescription {
  readonly name: SpanName;
  readonly attributes?: Attributes;
}

/**
 * Answers with what `work` answers or throws what it throws, after the span ended. `work` runs in the span's context, so
 * spans started in it become children, across awaits and within `Promise.all`.
 */
export function withSpan<T>(
  name: SpanName,
  attributes: Attributes | undefined,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  return runInSpan(tracer.startSpan(name, attributes && { attributes }), work);
}

/**
 * Like `withSpan`, but only where the surrounding span is recorded. `describe` is called only then, with `subject`:
 * declare it once outside the hot path, so that neither a name nor attributes nor a closure is made for nobody.
 */
export function withDetailSpan<Subject, T>(
  describe: (subject: Subject) => SpanDescription,
  subject: Subject,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  if (trace.getActiveSpan()?.isRecording() !== true) return runUnseen(SILENT_SPAN, work);
  const { name, attributes } = describe(subject);
  return runInSpan(tracer.startSpan(name, attributes && { attributes }), work);
}

/**
 * Without an SDK a span has no valid context and nobody can see it, so the work runs as if there were none. A span that
 * was sampled out is valid and stays active: else each step in it would be sampled anew, as a trace without its root.
 */
function runInSpan<T>(span: Span, work: (span: Span) => Promise<T>): Promise<T> {
  if (!isSpanContextValid(span.spanContext())) return runUnseen(span, work);
  return context.with(trace.setSpan(context.active(), span), endAfter<T>, undefined, span, work);
}

/** An error thrown before the first await must reject here too: tracing never changes how a caller sees a failure. */
function runUnseen<T>(span: Span, work: (span: Span) => Promise<T>): Promise<T> {
  try {
    return work(span);
  } catch (error) {
    return Promise.reject(error);
  }
}

async function endAfter<T>(span: Span, work: (span: Span) => Promise<T>): Promise<T> {
  try {
    return await work(span);
  } catch (error) {
    recordFailure(span, error);
    throw error;
  } finally {
    span.end();
  }
}

/** `error.type` is the short, countable name that OpenTelemetry asks for: our error code, the system's, or the class. */
function recordFailure(span: Span, error: unknown): void {
  const isError = error instanceof Error;
  const message = isError ? error.message : String(error);
  span.recordException(isError ? error : message);
  span.setStatus({ code: SpanStatusCode.ERROR, message });
  span.setAttribute('error.type', isError ? errorType(error) : typeof error);
}

const errorType = (error: Error): string =>
  'code' in error && typeof error.code === 'string' ? error.code : error.name;
