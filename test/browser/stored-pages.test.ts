// What a browser really does with stored files that hold scripts: it runs none, however it is led to them. The same files
// on a server without our headers run all of theirs, in the same browser and by the same ways.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { store } from '../server/file-client.js';
import { useServer } from '../server/harness.js';
import { browserMissing, useBrowser } from './browser.js';
import { EXTERNAL_SCRIPT, externalScript, hostileFiles } from './hostile-files.js';
import type { HostileFile } from './hostile-files.js';
import { PlainServer } from './plain-server.js';
import type { PlainFile } from './plain-server.js';

/** As long as every script takes that runs where it may; see the control. */
const SETTLE_MS = 1_500;
const EMBEDDED = ['iframe', 'object', 'embed'] as const;

describe.skipIf(browserMissing !== undefined)(`scripts in stored files (${browserMissing ?? 'chromium'})`, () => {
  const server = useServer();
  const browser = useBrowser();
  const ownFiles = new Map<string, PlainFile>();
  let witness: PlainServer;
  let careless: PlainServer;
  let hostile: HostileFile[];

  beforeAll(async () => {
    witness = await PlainServer.start(ownFiles);
    ownFiles.set(EXTERNAL_SCRIPT.path, { content: externalScript(witness.url), contentType: 'text/javascript' });
    hostile = hostileFiles(witness.url);
    const pages = hostile.map(
      ({ name, careless: contentType, content }) => [`/${name}`, { content, contentType }] as const,
    );
    const host = { content: '<!doctype html><title>host</title>', contentType: 'text/html' };
    careless = await PlainServer.start(new Map<string, PlainFile>([...pages, ['/host', host]]));
  });

  afterAll(() => Promise.all([witness, careless].map((plain) => plain.stop())));

  /** `file by way`, of every script that ran, and what it could read. */
  function whatRan(): { ran: string[]; secrets: Set<string | null> } {
    const reports = witness.asked
      .filter((target) => target.startsWith('/ran?'))
      .map((target) => new URL(target, witness.url));
    const told = reports.map(({ searchParams }) => searchParams);
    const ran = told.map((report) => `${report.get('file')} by ${report.get('way')}`);
    return { ran: [...new Set(ran)].toSorted(), secrets: new Set(told.map((report) => report.get('secret'))) };
  }

  /** Goes to each file, then has a page of the origin embed it in every way there is. */
  async function visitAll(host: string, urls: readonly string[]): Promise<void> {
    witness.asked.length = 0;
    const page = await browser.open();
    const asked = new Set<string>();
    page.on('request', (request) => asked.add(request.url()));
    await page.goto(host);
    await page.evaluate(`localStorage.setItem('secret', 'stored'); document.cookie = 'secret=cookie';`);
    for (const url of urls) {
      // What is downloaded is not gone to, and the browser says so by an error.
      await page.goto(`${url}?way=address`).catch(() => undefined);
    }
    await page.goto(host);
    await page.evaluate(embedAll(urls));
    await page.waitForTimeout(SETTLE_MS);
    // What the browser never asked for could not have run.
    const ways = ['address', ...EMBEDDED, 'img'];
    expect([...asked]).toEqual(expect.arrayContaining(urls.flatMap((url) => ways.map((way) => `${url}?way=${way}`))));
  }

  async function storedUrls(): Promise<string[]> {
    const files = await Promise.all(hostile.map((file) => store(server.url, file)));
    return files.flatMap(({ file_id }) => ['read', 'download'].map((route) => `${server.url}/${route}/${file_id}`));
  }

  it('run where a server sends them as they are, and read the secrets of its origin', async () => {
    const urls = hostile.map(({ name }) => `${careless.url}/${name}`);
    await visitAll(`${careless.url}/host`, urls);
    const { ran, secrets } = whatRan();
    const ways = ['address', ...EMBEDDED];
    expect(ran).toEqual(hostile.flatMap(({ name }) => ways.map((way) => `${name} by ${way}`)).toSorted());
    expect([...secrets]).toEqual(['storedsecret=cookie']);
  });

  it('never run where Holdfast sends them, for a page of its own origin', async () => {
    await visitAll(`${server.url}/docs`, await storedUrls());
    expect(whatRan().ran).toEqual([]);
  });

  it('never run where Holdfast sends them, for a page of another origin', async () => {
    await visitAll(`${careless.url}/host`, await storedUrls());
    expect(whatRan().ran).toEqual([]);
  });

  it('share no origin with what shows them: a page cannot look into a file that is shown in place', async () => {
    const { file_id } = await store(server.url, { name: 'a.txt', content: 'text', contentType: 'text/plain' });
    const page = await browser.open();
    await page.goto(`${server.url}/docs`);
    expect(await page.evaluate(lookInto(`${server.url}/docs`))).toBe('open');
    expect(await page.evaluate(lookInto(`${server.url}/read/${file_id}`))).toBe('closed');
  });
});

/** What a page does to embed each file in every way there is. */
const embedAll = (urls: readonly string[]): string => `
  for (const url of ${JSON.stringify(urls)}) {
    for (const way of ${JSON.stringify([...EMBEDDED, 'img'])}) {
      const element = document.createElement(way);
      element.setAttribute(way === 'object' ? 'data' : 'src', url + '?way=' + way);
      document.body.append(element);
    }
  }
`;

/** What a page does to look into another, shown in a frame of its own. */
const lookInto = (url: string): string => `
  new Promise((resolve) => {
    const frame = document.createElement('iframe');
    frame.onload = () => resolve(frame.contentDocument === null ? 'closed' : 'open');
    frame.src = ${JSON.stringify(url)};
    document.body.append(frame);
  })
`;
