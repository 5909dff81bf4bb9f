/** OpenAPI of the download routes. */
import { applyDecorators } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import { ApiProblems } from '../../open-api/api-problems.js';
import { ApiConditions, ApiFileId } from '../conditions.docs.js';
import { MAX_RANGES } from './range.js';

const BYTES = { '*/*': { schema: { type: 'string', format: 'binary' } } } as const;

const text = { schema: { type: 'string' } } as const;

const headers = {
  ETag: { ...text, description: 'Strong: the SHA-256 of the whole file.' },
  'Last-Modified': { ...text, description: 'When the file was stored.' },
  'Cache-Control': { ...text, description: 'private, no-cache: ask again with If-None-Match.' },
  'Accept-Ranges': { ...text, description: 'bytes' },
  'Repr-Digest': { ...text, description: 'RFC 9530: sha-256 of the whole file, also beside a part of it.' },
  'X-Content-Type-Options': { ...text, description: 'nosniff' },
  'Content-Security-Policy': { ...text, description: 'sandbox: a stored page runs no script.' },
  'Content-Disposition': { ...text, description: 'RFC 6266, with the name of the file.' },
};

export function ApiDownload(summary: string): MethodDecorator {
  return applyDecorators(
    ApiTags('files'),
    ApiOperation({ summary, description: 'HEAD answers with the same headers and no bytes.' }),
    ApiFileId(),
    ApiHeader({
      name: 'Range',
      required: false,
      description:
        `Ranges of bytes, for example bytes=0-1023 or bytes=0-99,-100. GET only. Ignored where it is malformed, has ` +
        `another unit or more than ${MAX_RANGES} ranges.`,
    }),
    ApiHeader({
      name: 'If-Range',
      required: false,
      description: 'The ETag or Last-Modified that the range belongs to.',
    }),
    ApiHeader({
      name: 'Want-Repr-Digest',
      required: false,
      description: 'sha-256=0 leaves Repr-Digest out (RFC 9530).',
    }),
    ApiConditions(),
    ApiHeader({
      name: 'If-Modified-Since',
      required: false,
      description: 'An HTTP-date; not looked at beside If-None-Match.',
    }),
    ApiProduces('*/*', 'multipart/byteranges'),
    ApiResponse({ status: 200, description: 'The bytes.', content: BYTES, headers }),
    ApiResponse({
      status: 206,
      description: 'The range asked for; several as multipart/byteranges, those that overlap or nearly touch as one.',
      content: { ...BYTES, 'multipart/byteranges': { schema: { type: 'string', format: 'binary' } } },
      headers: {
        ...headers,
        'Content-Range': { ...text, description: 'bytes 0-1023/4096; of several ranges it stands in each part.' },
      },
    }),
    ApiResponse({
      status: 304,
      description: 'The client has the bytes, by If-None-Match or If-Modified-Since.',
      headers: { ETag: headers.ETag, 'Cache-Control': headers['Cache-Control'] },
    }),
    ApiProblems(
      'invalid_file_id',
      'file_not_found',
      'precondition_failed',
      'range_not_satisfiable',
      'overloaded',
      'chunk_missing',
      'chunk_corrupt',
      'manifest_missing',
      'manifest_corrupt',
    ),
  );
}
