/** Documents the problems of a route: one schema for all of them, and for each status the codes that the route can give. */
import { applyDecorators } from '@nestjs/common';
import { ApiExtraModels, ApiProperty, ApiResponse, getSchemaPath } from '@nestjs/swagger';
import { ERROR_CODES } from '#libs/kernel';
import type { ErrorCode } from '#libs/kernel';
import { STATUS_CODES } from 'node:http';
import { PROBLEM_CONTENT_TYPE, STATUS_BY_CODE } from '../problems/problem.js';

export class ProblemDetails {
  @ApiProperty({ example: 'urn:holdfast:error:file_not_found' })
  type!: string;

  @ApiProperty({ description: 'What happened, the same for every problem of this code.' })
  title!: string;

  @ApiProperty({ example: 404 })
  status!: number;

  @ApiProperty({ description: 'What happened this time.' })
  detail!: string;

  @ApiProperty({ enum: Object.keys(STATUS_BY_CODE), enumName: 'ErrorCode', description: 'Stable; to be branched on.' })
  code!: string;
}

const header = (description: string) => ({ schema: { type: 'string' }, description }) as const;

const HEADERS_BY_STATUS: Readonly<Record<number, Record<string, ReturnType<typeof header>>>> = {
  401: { 'WWW-Authenticate': header('Bearer: send Authorization: Bearer <key>.') },
  409: { 'Retry-After': header('Seconds.') },
  415: { 'Accept-Encoding': header('identity: the only content coding that is taken.') },
  416: { 'Content-Range': header('bytes */4096: the size of the file.') },
  429: { 'Retry-After': header('Seconds.') },
  503: { 'Retry-After': header('Seconds; where it may pass.') },
};

/** What is found wrong before anybody looks at the route, and a mistake of ours. */
const OF_ANY_REQUEST = [
  'invalid_request',
  'forbidden_origin',
  'expectation_failed',
  'headers_too_large',
  'internal',
] as const satisfies ErrorCode[];

const OF_KEYS = ['unauthorized', 'too_many_guesses'] as const satisfies ErrorCode[];

const OF_THE_STAGE = ['recovering', 'shutting_down'] as const satisfies ErrorCode[];

/** Of everything that is logged before it is done. */
export const WRITE_PROBLEMS = [
  'overloaded',
  'disk_reserve',
  'log_write_failed',
  'log_poisoned',
  'apply_halted',
  'store_write_failed',
  'outcome_unknown',
] as const satisfies ErrorCode[];

/** The codes given, and those that every route can answer with. */
export function ApiProblems(...codes: ErrorCode[]): MethodDecorator {
  return responsesFor([...OF_ANY_REQUEST, ...OF_KEYS, ...OF_THE_STAGE, ...codes]);
}

/** For `/health`: whatever the server is doing, and with no key. */
export function ApiHealthProblems(): MethodDecorator {
  return responsesFor(OF_ANY_REQUEST);
}

/** For `/ready`, which says for itself what the server is doing. */
export function ApiReadyProblems(): MethodDecorator {
  return responsesFor([...OF_ANY_REQUEST, ...OF_KEYS]);
}

function responsesFor(codes: readonly ErrorCode[]): MethodDecorator {
  const byStatus = Map.groupBy(new Set(codes), (code) => STATUS_BY_CODE[code]);
  const responses = [...byStatus].map(([status, each]) =>
    ApiResponse({
      status,
      description: `${STATUS_CODES[status]}: ${each.join(', ')}`,
      headers: HEADERS_BY_STATUS[status] ?? {},
      content: { [PROBLEM_CONTENT_TYPE]: { schema: schemaOf(each), examples: examplesOf(each) } },
    }),
  );
  return applyDecorators(ApiExtraModels(ProblemDetails), ...responses);
}

/** A problem has further members by its code: the context of the error. */
function schemaOf(codes: ErrorCode[]) {
  const narrowed = {
    type: 'object',
    properties: { code: { type: 'string', enum: codes } },
    additionalProperties: true,
  };
  return { allOf: [{ $ref: getSchemaPath(ProblemDetails) }, narrowed] };
}

function examplesOf(codes: ErrorCode[]) {
  return Object.fromEntries(codes.map((code) => [code, { summary: ERROR_CODES[code].title, value: exampleOf(code) }]));
}

function exampleOf(code: ErrorCode) {
  const { title } = ERROR_CODES[code];
  return { type: `urn:holdfast:error:${code}`, title, status: STATUS_BY_CODE[code], detail: title, code };
}
