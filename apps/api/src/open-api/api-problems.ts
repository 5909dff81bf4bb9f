/** Documents the problems of a route: one schema for all of them. */
import { applyDecorators } from '@nestjs/common';
import { ApiExtraModels, ApiProperty, ApiResponse, getSchemaPath } from '@nestjs/swagger';
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
  416: { 'Content-Range': header('bytes */4096: the size of the file.') },
  429: { 'Retry-After': header('Seconds.') },
  503: { 'Retry-After': header('Seconds; where it may pass.') },
};

/** 401, 403, 429, 431 and 500 can come from every route and are added to those given. */
export function ApiProblems(...statuses: number[]): MethodDecorator & ClassDecorator {
  const responses = [...statuses, 401, 403, 429, 431, 500].map((status) =>
    ApiResponse({
      status,
      description: `${STATUS_CODES[status]}: ${codesOf(status).join(', ')}`,
      headers: HEADERS_BY_STATUS[status] ?? {},
      content: { [PROBLEM_CONTENT_TYPE]: { schema: { $ref: getSchemaPath(ProblemDetails) } } },
    }),
  );
  return applyDecorators(ApiExtraModels(ProblemDetails), ...responses);
}

function codesOf(status: number): string[] {
  return Object.entries(STATUS_BY_CODE)
    .filter(([, each]) => each === status)
    .map(([code]) => code);
}
