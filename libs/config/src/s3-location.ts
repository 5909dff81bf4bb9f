/**
 * `s3://bucket[/prefix]?endpoint=http://host:9000&region=…`: a bucket, or the part of one below a prefix. Credentials come
 * from the AWS_ variables alone: a location is shown in answers, logs and the identity of the primary, so it must be unable
 * to hold a secret, and one that seems to is refused without being repeated.
 */
import { accepted, refused, type Parsed, type ValueKind } from './value-kind.js';

export interface S3Address {
  readonly kind: 's3';
  readonly bucket: string;
  /** Without slashes around it; '' where the store has the whole bucket. */
  readonly prefix: string;
  /** Origin of a server that speaks S3, without a slash at its end; undefined for AWS itself. */
  readonly endpoint: string | undefined;
  /** As the location says; undefined leaves it to AWS_REGION. */
  readonly region: string | undefined;
}

const S3_SCHEME = 's3://';

/** The rules of AWS without those on look-alikes of addresses; every compatible server takes such names. */
const BUCKET_PATTERN = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
/** Characters that no server, proxy or signature has to escape. */
const PREFIX_PART_PATTERN = /^(?!\.{1,2}$)[A-Za-z0-9._-]+$/;
/** A key is at most 1,024 bytes, and a chunk's takes 74 of them. */
const MAX_PREFIX_LENGTH = 512;
const REGION_PATTERN = /^[a-z0-9][a-z0-9-]{0,62}$/i;

export const isS3Location = (text: string): boolean => text.toLowerCase().startsWith(S3_SCHEME);

export function parseS3Location(text: string): Parsed<S3Address> {
  const parts = /^s3:\/\/([^/?#]*)(\/[^?#]*)?(?:\?([^#]*))?$/i.exec(text);
  if (parts === null) return refused('is no s3://bucket[/prefix]?endpoint=…&region=…');
  const [, bucket = '', path = '', query = ''] = parts;
  if (bucket.includes('@')) {
    return refused(
      'has credentials in an s3:// location; they come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY alone',
    );
  }
  if (!BUCKET_PATTERN.test(bucket)) {
    return refused('names a bucket that is not 3 to 63 characters of a to z, 0 to 9, . and -');
  }
  const prefix = path.replace(/^\/|\/$/g, '');
  if (prefix.length > MAX_PREFIX_LENGTH || (prefix !== '' && !prefix.split('/').every(isPrefixPart))) {
    return refused(
      `has a prefix behind the bucket that is not parts of letters, digits, ., _ and - with a / between, at most ${MAX_PREFIX_LENGTH} characters`,
    );
  }
  const options = parseOptions(query);
  if ('problem' in options) return options;
  return accepted({ kind: 's3', bucket, prefix, ...options.value });
}

const isPrefixPart = (part: string): boolean => PREFIX_PART_PATTERN.test(part);

function parseOptions(query: string): Parsed<Pick<S3Address, 'endpoint' | 'region'>> {
  const options: { endpoint: string | undefined; region: string | undefined } = {
    endpoint: undefined,
    region: undefined,
  };
  for (const [name, value] of new URLSearchParams(query)) {
    // The name is not repeated: whoever writes a key here writes it on either side of the `=`.
    if (name !== 'endpoint' && name !== 'region') {
      return refused('has an option in an s3:// location that is neither endpoint nor region');
    }
    if (options[name] !== undefined) return refused(`has ${name} twice in an s3:// location`);
    const parsed = name === 'endpoint' ? parseEndpoint(value) : parseRegion(value);
    if ('problem' in parsed) return parsed;
    options[name] = parsed.value;
  }
  return accepted(options);
}

function parseEndpoint(text: string): Parsed<string> {
  const url = /^https?:\/\//i.test(text) && URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) return refused('has an endpoint that is no http:// or https:// address');
  if (url.username !== '' || url.password !== '') return refused('has credentials in an endpoint');
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    return refused('has an endpoint with more than a host and a port; a prefix stands behind the bucket');
  }
  return accepted(url.origin);
}

function parseRegion(text: string): Parsed<string> {
  return REGION_PATTERN.test(text) ? accepted(text) : refused('has a region that is not letters, digits and -');
}

/** The location as it is written in the settings; it holds no secret. */
export function s3LocationText({ bucket, prefix, endpoint, region }: Omit<S3Address, 'kind'>): string {
  const options = Object.entries({ endpoint, region })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value}`);
  const path = prefix === '' ? bucket : `${bucket}/${prefix}`;
  return `${S3_SCHEME}${path}${options.length === 0 ? '' : `?${options.join('&')}`}`;
}

/** Whether one of two locations is, or lies inside, the other. The region does not make two of one bucket. */
export function s3PlacesOverlap(one: S3Address, other: S3Address): boolean {
  if (one.bucket !== other.bucket || one.endpoint !== other.endpoint) return false;
  const [first, second] = [one, other].map(({ prefix }) => (prefix === '' ? '' : `${prefix}/`)) as [string, string];
  return first.startsWith(second) || second.startsWith(first);
}

/** A part of the usual AWS variables; what is wrong with it otherwise only the server can tell. */
export const awsText: ValueKind<string> = {
  accepts: 'text without spaces, or empty for none',
  parse: (text) =>
    /^[\x21-\x7e]*$/.test(text)
      ? accepted(text)
      : refused('has a space, a line break or a character that is not ASCII'),
};
