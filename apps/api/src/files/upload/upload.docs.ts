/** OpenAPI of the upload routes. */
import { applyDecorators } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBody,
  ApiConsumes,
  ApiCreatedResponse,
  ApiHeader,
  ApiOperation,
  ApiQuery,
  ApiTags,
} from '@nestjs/swagger';
import type { ErrorCode } from '#libs/kernel';
import { ApiProblems, WRITE_PROBLEMS } from '../../open-api/api-problems.js';
import { FileAnswer } from '../file-answer.js';

const BYTES = { type: 'string', format: 'binary' } as const;

const replicationQueries = [
  ApiQuery({
    name: 'replication',
    required: false,
    enum: ['async', 'sync'],
    description:
      'When the upload is answered: once it is durable (async), or once replicas hold it too (sync). The default is the setting REPLICATION_MODE.',
  }),
  ApiQuery({
    name: 'wait',
    required: false,
    schema: {
      oneOf: [
        { type: 'integer', minimum: 0 },
        { type: 'string', enum: ['all'] },
      ],
    },
    description:
      'Replicas that must confirm; only where replication is sync. More than there are: 400. The default is the setting REPLICATION_WAIT.',
  }),
];

const uploadHeaders = [
  ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description:
      'Names this upload, in 1 to 255 printable ASCII characters: a retry under the same key gets the first answer, and nothing is stored again, as long as the file is not deleted. Another name or body under it: 422. While the first upload is under way: 409 with Retry-After.',
    example: '8e03978e-40d5-43dd-bc93-6894a57f9324',
  }),
  ApiHeader({
    name: 'Content-Digest',
    required: false,
    description:
      'RFC 9530: sha-256 and sha-512 of the body are verified before anything is stored, other algorithms are passed over. A part of a form may have its own.',
    example: 'sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:',
  }),
  ApiHeader({ name: 'Repr-Digest', required: false, description: 'RFC 9530; verified as Content-Digest is.' }),
  ApiHeader({
    name: 'Content-MD5',
    required: false,
    description: 'RFC 1864: the MD5 of the body in base64; verified.',
  }),
];

const stored = ApiCreatedResponse({
  type: FileAnswer,
  description:
    'The file is durable and can be read; or was so already, where the Idempotency-Key is that of its upload.',
  headers: { Location: { description: 'Path of the metadata of the file.', schema: { type: 'string' } } },
});

const owed = ApiAcceptedResponse({
  type: FileAnswer,
  description:
    'The file is durable and can be read, but fewer replicas than it was to wait for hold it when REPLICATION_TIMEOUT is up. replication.stores says which; what is owed is copied without another request.',
  headers: { Location: { description: 'Path of the metadata of the file.', schema: { type: 'string' } } },
});

const uploadProblems = [
  'invalid_file_name',
  'upload_incomplete',
  'digest_mismatch',
  'idempotency_conflict',
  'precondition_failed',
  'file_too_large',
  'content_coding_unsupported',
  'idempotency_mismatch',
  'transfer_coding_unsupported',
  'log_full',
  ...WRITE_PROBLEMS,
] as const satisfies ErrorCode[];

export function ApiUpload(): MethodDecorator {
  return applyDecorators(
    ApiTags('files'),
    ApiOperation({
      summary: 'Store a file',
      description: 'Either a form, of which the first file is stored, or the bytes themselves with ?name=.',
    }),
    ApiQuery({
      name: 'name',
      required: false,
      schema: { type: 'string' },
      description: 'Display name. Required where the body is not a form; replaces the name in a form.',
    }),
    ...replicationQueries,
    ...uploadHeaders,
    ApiConsumes('multipart/form-data', 'application/octet-stream'),
    ApiBody({ schema: { type: 'object', required: ['file'], properties: { file: BYTES } } }),
    stored,
    owed,
    ApiProblems(...uploadProblems, 'file_missing', 'payload_too_large'),
  );
}

export function ApiWrite(): MethodDecorator {
  return applyDecorators(
    ApiTags('files'),
    ApiOperation({ summary: 'Store the bytes of the body as a file' }),
    ApiQuery({ name: 'name', required: true, schema: { type: 'string' }, description: 'Display name.' }),
    ...replicationQueries,
    ...uploadHeaders,
    ApiConsumes('application/octet-stream'),
    ApiBody({ schema: BYTES }),
    stored,
    owed,
    ApiProblems(...uploadProblems),
  );
}
