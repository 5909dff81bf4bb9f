/** OpenAPI of the download routes. */
import { applyDecorators } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiParam, ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import { ApiProblems } from '../../open-api/api-problems.js';

const BYTES = { '*/*': { schema: { type: 'string', format: 'binary' } } } as const;

const text = { schema: { type: 'string' } } as const;

const headers = {
  ETag: { ...text, description: 'Strong: the SHA-256 of the whole file.' },
  'Last-Modified': { ...text, description: 'When the file was stored.' },
  'Accept-Ranges': { ...text, description: 'bytes' },
  'Content-Disposition': { ...text, description: 'RFC 6266, with the name of the file.' },
};

export function ApiDownload(summary: string): MethodDecorator {
  return applyDecorators(
    ApiTags('files'),
    ApiOperation({ summary, description: 'HEAD answers with the same headers and no bytes.' }),
    ApiParam({ name: 'file_id', schema: { type: 'string', format: 'uuid' } }),
    ApiHeader({ name: 'Range', required: false, description: 'One range of bytes, for example bytes=0-1023.' }),
    ApiHeader({ name: 'If-Range', required: false, description: 'The ETag the range belongs to.' }),
    ApiHeader({ name: 'If-None-Match', required: false, description: 'ETags of which the bytes are there already.' }),
    ApiProduces('*/*'),
    ApiResponse({ status: 200, description: 'The bytes.', content: BYTES, headers }),
    ApiResponse({
      status: 206,
      description: 'The range asked for.',
      content: BYTES,
      headers: { ...headers, 'Content-Range': { ...text, description: 'bytes 0-1023/4096' } },
    }),
    ApiResponse({ status: 304, description: 'If-None-Match names the file.' }),
    ApiProblems(400, 404, 416, 503),
  );
}
