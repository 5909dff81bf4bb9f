// `/docs` as its reader sees it: every operation is there, and the browser has nothing to complain of.
import { expect, it } from 'vitest';
import { useServer } from '../server/harness.js';
import { ask } from '../server/http-client.js';
import { browserMissing, useBrowser } from './browser.js';

const server = useServer();
const browser = browserMissing === undefined ? useBrowser() : undefined;

it.skipIf(browser === undefined)(
  `shows every operation without an error (${browserMissing ?? 'chromium'})`,
  async () => {
    const page = await browser!.open();
    const complaints: string[] = [];
    page.on('console', (message) => void (message.type() === 'error' && complaints.push(message.text())));
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('requestfailed', (request) => complaints.push(request.url()));
    await page.goto(`${server.url}/docs`);
    await page.waitForSelector('.opblock');
    const { paths } = (await ask(`${server.url}/docs-json`)).json<{ paths: Record<string, object> }>();
    const operations = Object.values(paths).flatMap((each) => Object.keys(each));
    expect(await page.locator('.opblock').count()).toBe(operations.length);
    await page.locator('.opblock-summary-post').first().click();
    await page.waitForSelector('.responses-table');
    expect(complaints).toEqual([]);
    const screenshot = process.env['DOCS_SCREENSHOT'];
    if (screenshot !== undefined) await page.screenshot({ path: screenshot, fullPage: true });
  },
);
