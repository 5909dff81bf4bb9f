import type { S3Access, S3Location } from '#libs/config';
import { S3Connection } from '../../src/s3-connection.js';
import { keyInBucket } from '../../src/s3-store.js';

/** What has been set aside in a bucket, by its path below `corrupt/`. */
export async function setAsideInBucket(location: S3Location, access: S3Access): Promise<Map<string, string>> {
  const Bucket = location.bucket;
  const Prefix = keyInBucket(location, 'corrupt/');
  return new S3Connection(location, access).run(async ({ client, sdk }, abortSignal) => {
    const { Contents = [] } = await client.send(new sdk.ListObjectsV2Command({ Bucket, Prefix }), { abortSignal });
    const contents = new Map<string, string>();
    for (const { Key = '' } of Contents) {
      const { Body } = await client.send(new sdk.GetObjectCommand({ Bucket, Key }), { abortSignal });
      contents.set(Key.slice(Prefix.length), (await Body?.transformToString()) ?? '');
    }
    return contents;
  });
}
