/** OpenAPI of what reads and deletes of a file share: its id and the conditional headers. */
import { applyDecorators } from '@nestjs/common';
import { ApiHeader, ApiParam } from '@nestjs/swagger';

export function ApiFileId(): MethodDecorator {
  return ApiParam({
    name: 'file_id',
    schema: { type: 'string', format: 'uuid' },
    description: 'As the upload was answered.',
  });
}

export function ApiConditions(): MethodDecorator {
  const header = (name: string, description: string) => ApiHeader({ name, required: false, description });
  return applyDecorators(
    header('If-Match', 'ETags one of which the file must have, or *; else 412.'),
    header('If-None-Match', 'ETags none of which the file may have, or *; else 304 for a read, 412 for a change.'),
    header('If-Unmodified-Since', 'An HTTP-date; 412 for a file stored later. Not looked at beside If-Match.'),
  );
}
