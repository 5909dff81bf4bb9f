// Whatever bytes a client sends as a name, by whichever of the ways to say one: it is kept as it is, or refused by name.
import { describe, expect, it } from 'vitest';
import type { StoredFile } from '../server/file-client.js';
import { useServer } from '../server/harness.js';
import { ask } from '../server/http-client.js';
import { RawConnection } from '../server/raw-connection.js';

const server = useServer();

/** What was stored as the name, or the code of the refusal. */
async function outcome(request: string): Promise<string> {
  const connection = await RawConnection.open(server.url);
  connection.say(Buffer.from(request, 'latin1'));
  await connection.hears(/\r\n\r\n\{[^]*\}$/);
  await connection.hangUp();
  const answer = JSON.parse(
    Buffer.from(connection.heard.slice(connection.heard.indexOf('\r\n\r\n')), 'latin1').toString(),
  ) as Partial<StoredFile> & { code?: string };
  return answer.file_name ?? answer.code ?? 'neither';
}

const inQuery = (name: string) =>
  outcome(`PUT /write?${name} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx`);

function inForm(parameters: string, query = ''): Promise<string> {
  const body = `--b\r\nContent-Disposition: form-data; name="f"${parameters}\r\n\r\nx\r\n--b--\r\n`;
  const type = 'Content-Type: multipart/form-data; boundary=b';
  return outcome(
    `POST /upload${query} HTTP/1.1\r\nHost: localhost\r\n${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
}

const utf8 = (text: string) => Buffer.from(text).toString('latin1');

describe('in the query', () => {
  it.each([
    ['%ff', 'name=%ff', 'invalid_file_name'],
    ['a lone surrogate', 'name=%ED%A0%BD', 'invalid_file_name'],
    ['an overlong slash', 'name=%C0%AF', 'invalid_file_name'],
    ['a cut emoji', 'name=%F0%9F%93', 'invalid_file_name'],
    ['CR and LF', 'name=a%0D%0ASet-Cookie:%20b', 'invalid_file_name'],
    ['NUL', 'name=a%00b', 'invalid_file_name'],
    ['DEL', 'name=%7f', 'invalid_file_name'],
    ['nothing', 'name=', 'invalid_file_name'],
    ['no name', 'x=1', 'invalid_file_name'],
    ['1,024 bytes', `name=${'x'.repeat(1024)}`, 'x'.repeat(1024)],
    ['1,025 bytes', `name=${'x'.repeat(1025)}`, 'invalid_file_name'],
    ['1,025 bytes in few characters', `name=${'%F0%9F%93%A6'.repeat(256)}x`, 'invalid_file_name'],
    ['two names', 'name=a&name=b', 'invalid_request'],
    ['quotes', 'name=%22a%22%27b%27', `"a"'b'`],
    ['an emoji', 'name=%F0%9F%93%A6', '📦'],
    ['bytes that should have been escaped', utf8('name=ünï📦'), 'invalid_request'],
    ['a percent sign of its own', 'name=100%', '100%'],
    ['a path upwards', 'name=..%2F..%2Fetc%2Fpasswd', '../../etc/passwd'],
    ['__proto__', 'name=__proto__', '__proto__'],
  ])('%s', async (_what, query, expected) => {
    expect(await inQuery(query)).toBe(expected);
  });
});

describe('in a form', () => {
  it.each([
    ['an emoji', `; filename="${utf8('📦')}"`, '📦'],
    ['an emoji, extended', "; filename*=UTF-8''%F0%9F%93%A6", '📦'],
    ['the extended one of two', '; filename="plain"; filename*=UTF-8\'\'%F0%9F%93%A6', '📦'],
    ['the plain one of two, where the other is no UTF-8', '; filename="plain"; filename*=UTF-8\'\'%ff', 'plain'],
    ['an extended one that is no UTF-8', "; filename*=UTF-8''%ff", 'file_missing'],
    ['Latin-1', '; filename="caf\u00e9"', 'café'],
    ['a lone surrogate', '; filename="\u00ed\u00a0\u00bd"', 'í\u00a0½'],
    ['quotes as browsers send them', '; filename="a%22b"', 'a"b'],
    ['quotes with a backslash', '; filename="a\\"b"', 'a"b'],
    ['CR and LF as browsers send them', '; filename="a%0D%0Ab"', 'invalid_file_name'],
    ['CR and LF, extended', "; filename*=UTF-8''a%0D%0Ab", 'invalid_file_name'],
    ['CR and LF themselves', '; filename="a\r\nX: b"', 'file_missing'],
    ['NUL', '; filename="a\u0000b"', 'invalid_file_name'],
    ['NUL, extended', "; filename*=UTF-8''a%00b", 'invalid_file_name'],
    ['nothing', '; filename=""', 'invalid_file_name'],
    ['no name at all', '', 'file_missing'],
    ['a path upwards', '; filename="../../etc/passwd"', '../../etc/passwd'],
    ['1,025 bytes', `; filename="${'x'.repeat(1025)}"`, 'invalid_file_name'],
    ['1,024 bytes, each escaped', `; filename*=UTF-8''${'%78'.repeat(1024)}`, 'x'.repeat(1024)],
  ])('%s', async (_what, parameters, expected) => {
    expect(await inForm(parameters)).toBe(expected);
  });

  it('a wrong one does no harm where the query has another', async () => {
    expect(await inForm('; filename="a%0D%0Ab"', '?name=b')).toBe('b');
    expect(await inForm('; filename="a"', '?name=%ff')).toBe('invalid_file_name');
  });
});

it('comes back in headers that hold nothing else', async () => {
  for (const name of [`"a"'b';\\`, '📦', '../../etc/passwd', '%0d%0a']) {
    const answer = await ask(`${server.url}/write?name=${encodeURIComponent(name)}`, { method: 'PUT', body: 'x' });
    const { file_id, file_name } = answer.json<StoredFile>();
    expect(file_name).toBe(name);
    const download = await ask(`${server.url}/download/${file_id}`, { method: 'HEAD' });
    expect(download.headers['content-disposition']).toMatch(/^attachment; filename[\u0020-\u007e]*$/);
  }
});
