import { describe, expect, it } from 'vitest';
import { replicaList } from './location.js';
import { awsText, s3LocationText, s3PlacesOverlap, type S3Address } from './s3-location.js';

const ROOT = '/srv/holdfast';

const placeOf = (changes: Partial<S3Address> = {}): S3Address => ({
  kind: 's3',
  bucket: 'bucket',
  prefix: '',
  endpoint: undefined,
  region: undefined,
  ...changes,
});

describe('a replica in a bucket', () => {
  it.each<[string, string, string, Partial<S3Address>]>([
    ['the whole bucket, by its name', 's3://bucket', 'bucket', {}],
    ['a slash behind the bucket', 's3://bucket/', 'bucket', {}],
    ['a name', 'cloud=s3://bucket', 'cloud', {}],
    ['a prefix, by its last part', 's3://bucket/Site_1/copies/', 'copies', { prefix: 'Site_1/copies' }],
    ['a region', 's3://bucket?region=eu-west-1', 'bucket', { region: 'eu-west-1' }],
    [
      'an endpoint as it is, with a slash',
      's3://bucket?endpoint=http://127.0.0.1:9000/&region=x',
      'bucket',
      { endpoint: 'http://127.0.0.1:9000', region: 'x' },
    ],
    [
      'an escaped endpoint',
      'm=s3://bucket/a?endpoint=https%3A%2F%2Fminio.example%3A9000',
      'm',
      { prefix: 'a', endpoint: 'https://minio.example:9000' },
    ],
  ])('reads %s', (_what, text, name, expected) => {
    const location = { name, ...placeOf(expected) };
    expect(replicaList.parse(text, ROOT)).toEqual({ value: [location] });
    // What is shown can be put back into the settings.
    expect(replicaList.parse(`${name}=${s3LocationText(location)}`, ROOT)).toEqual({ value: [location] });
  });

  it('stands beside directories', () => {
    const parsed = replicaList.parse('./a,s3://bucket?endpoint=http://h:1&region=x,/b', ROOT);
    expect(parsed).toMatchObject({ value: [{ kind: 'directory' }, { kind: 's3' }, { kind: 'directory' }] });
  });

  it.each([
    ['credentials before the bucket', 's3://AKID:hunter2@bucket', 'AWS_SECRET_ACCESS_KEY'],
    ['credentials as an option', 's3://bucket?AWS_SECRET_ACCESS_KEY=hunter2', 'neither endpoint nor region'],
    ['credentials in the endpoint', 's3://bucket?endpoint=http://AKID:hunter2@host', 'credentials in an endpoint'],
    ['an unknown option', 's3://bucket?hunter2', 'neither endpoint nor region'],
    ['no bucket', 's3:///prefix', 'bucket'],
    ['a bucket in capitals', 's3://Bucket', 'bucket'],
    ['a bucket of two characters', 's3://ab', 'bucket'],
    ['a bucket that is a host', 's3://host:9000/bucket', 'bucket'],
    ['an empty part in the prefix', 's3://bucket/a//b', 'prefix'],
    ['a prefix that climbs', 's3://bucket/a/../b', 'prefix'],
    ['a prefix with a space', 's3://bucket/a b', 'prefix'],
    ['a prefix of 513 characters', `s3://bucket/${'a'.repeat(513)}`, 'prefix'],
    ['an endpoint that is a host', 's3://bucket?endpoint=localhost:9000', 'no http:// or https://'],
    ['an endpoint of another scheme', 's3://bucket?endpoint=ftp://host', 'no http:// or https://'],
    ['an endpoint with a path', 's3://bucket?endpoint=http://host/bucket', 'more than a host'],
    ['two endpoints', 's3://bucket?endpoint=http://a&endpoint=http://b', 'endpoint twice'],
    ['an empty region', 's3://bucket?region=', 'region'],
    ['a region with a slash', 's3://bucket?region=a/b', 'region'],
    ['a fragment', 's3://bucket#x', 's3://bucket['],
    ['a line break', 's3://bucket/\n', 'prefix'],
    ['a bucket with a dot without a name', 's3://my.bucket', 'name='],
    ['a bucket whose name another replica has', './bucket,s3://bucket', 'two replicas named bucket'],
  ])('refuses %s, and repeats no secret', (_fault, text, reason) => {
    const parsed = replicaList.parse(text, ROOT);
    expect(parsed).toEqual({ problem: expect.stringContaining(reason) });
    expect(JSON.stringify(parsed)).not.toContain('hunter2');
  });
});

describe('two places in buckets', () => {
  it.each<[string, Partial<S3Address>, Partial<S3Address>, boolean]>([
    ['equal', {}, {}, true],
    ['of one bucket under two regions', { region: 'a' }, { region: 'b' }, true],
    ['the bucket and a prefix of it', {}, { prefix: 'a' }, true],
    ['nested prefixes', { prefix: 'a' }, { prefix: 'a/b' }, true],
    ['prefixes that begin alike', { prefix: 'a' }, { prefix: 'ab' }, false],
    ['two prefixes', { prefix: 'a' }, { prefix: 'b' }, false],
    ['two buckets', { bucket: 'one' }, { bucket: 'two' }, false],
    ['two servers', { endpoint: 'http://a' }, { endpoint: 'http://b' }, false],
  ])('%s', (_what, one, other, expected) => {
    expect(s3PlacesOverlap(placeOf(one), placeOf(other))).toBe(expected);
    expect(s3PlacesOverlap(placeOf(other), placeOf(one))).toBe(expected);
  });
});

describe('an AWS variable', () => {
  it.each(['', 'AKIAIOSFODNN7EXAMPLE', 'wJalr/K7+MD='])('may be %j', (text) => {
    expect(awsText.parse(text, ROOT)).toEqual({ value: text });
  });

  it.each(['hunter2\n', 'hunter2 x', 'hünter2'])('is not %j, which is not repeated', (text) => {
    const parsed = awsText.parse(text, ROOT);
    expect(parsed).toHaveProperty('problem');
    expect(JSON.stringify(parsed)).not.toContain('nter2');
  });
});
