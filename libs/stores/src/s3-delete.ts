/** Deletes of many objects: a thousand with each request where the server can, one by one where it cannot. */
import { forEachConcurrently } from '#libs/kernel';
import type { S3Connection } from './s3-connection.js';
import { absentIsUndefined, assertFromS3, httpStatus, s3Code } from './s3-errors.js';

/** What the protocol allows in one request. */
const KEYS_PER_REQUEST = 1000;
const DELETES_IN_FLIGHT = 8;

/** Answers of servers that have no such request, or want it in a form that we do not know. */
const UNSUPPORTED: ReadonlySet<string> = new Set([
  'NotImplemented',
  'MethodNotAllowed',
  'MalformedXML',
  'InvalidRequest',
  'MissingContentMD5',
]);

export interface Deletion {
  readonly bucket: string;
  readonly paths: readonly string[];
}

/** Durable on return; where it throws, any of them may be deleted. What is not there is no error. */
export async function deleteObjects(connection: S3Connection, { bucket, paths }: Deletion): Promise<void> {
  for (let at = 0; at < paths.length; at += KEYS_PER_REQUEST) {
    const some = paths.slice(at, at + KEYS_PER_REQUEST);
    const left = some.length === 1 ? some : await deleteTogether(connection, { bucket, paths: some });
    await forEachConcurrently(left, DELETES_IN_FLIGHT, (path) => deleteObject(connection, { bucket, path }));
  }
}

/**
 * Answers with the paths that the server did not delete, for whatever reason: the answer is 200 also where some failed, and
 * a request for one of them says why.
 */
async function deleteTogether(connection: S3Connection, { bucket, paths }: Deletion): Promise<readonly string[]> {
  const input = { Bucket: bucket, Delete: { Objects: paths.map((Key) => ({ Key })) } };
  return connection.run(async ({ client, sdk }, abortSignal) => {
    try {
      const { Deleted = [] } = await client.send(new sdk.DeleteObjectsCommand(input), { abortSignal });
      const deleted = new Set(Deleted.map(({ Key }) => Key));
      return paths.filter((path) => !deleted.has(path));
    } catch (error) {
      const code = s3Code(error);
      if (httpStatus(error) === 501 || (code !== undefined && UNSUPPORTED.has(code))) return paths;
      throw error;
    }
  });
}

/** Durable on return; what is not there is no error. */
export async function deleteObject(
  connection: S3Connection,
  { bucket, path }: { readonly bucket: string; readonly path: string },
): Promise<void> {
  const input = { Bucket: bucket, Key: path };
  await connection.run(async ({ client, sdk }, abortSignal) => {
    // Some servers answer 404 where there is nothing to delete.
    const answer = await absentIsUndefined(client.send(new sdk.DeleteObjectCommand(input), { abortSignal }));
    if (answer !== undefined && answer.$metadata.httpStatusCode !== 204) assertFromS3(answer.$metadata.requestId);
  });
}
