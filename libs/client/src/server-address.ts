/** Where the server is, and the key to it. Neither ever shows the key: not in an error, and not when printed. */
import { StoreError } from '#libs/kernel';

/** What a header can carry; fetch would name a key with anything else in its error. */
const HEADER_SAFE = /^[\u0021-\u007e]+$/;

export interface AddressOptions {
  /** `http://` or `https://`, with a path where a proxy wants one. */
  readonly url: string;
  readonly apiKey?: string | undefined;
}

export class ServerAddress {
  readonly url: string;
  readonly #authorization: string | undefined;

  /** Throws `setting_invalid`. */
  constructor({ url, apiKey }: AddressOptions) {
    this.url = baseUrl(url);
    if (apiKey !== undefined && !HEADER_SAFE.test(apiKey)) {
      throw invalid('The API key has characters that no key has: spaces, line breaks, or letters beyond ASCII.');
    }
    this.#authorization = apiKey === undefined ? undefined : `Bearer ${apiKey}`;
  }

  /** `path` begins with `/`, its segments encoded. */
  route(path: string, query: Readonly<Record<string, string | undefined>> = {}): string {
    const given = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined);
    const text = new URLSearchParams(given).toString();
    return `${this.url}${path}${text === '' ? '' : `?${text}`}`;
  }

  headers(): Record<string, string> {
    return this.#authorization === undefined ? {} : { authorization: this.#authorization };
  }
}

function baseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw invalid('The URL of the server begins with http:// or https://, such as http://127.0.0.1:8080.');
  }
  if (url.username !== '' || url.password !== '') {
    throw invalid('The URL of the server holds no user and no password: the API key is given beside it.');
  }
  if (url.search !== '' || url.hash !== '') throw invalid('The URL of the server ends before its ? and #.');
  return url.href.replace(/\/+$/, '');
}

function invalid(message: string): StoreError {
  return new StoreError('setting_invalid', message);
}
