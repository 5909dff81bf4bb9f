/** A real browser for the tests of a file: Debian's Chromium, without a window, with a profile of its own. */
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll } from 'vitest';
import { isInstalled } from '../server/required-program.js';

const SWITCHES = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Why the tests that need it are left out, or undefined. */
export const browserMissing = isInstalled('chromium') ? undefined : 'chromium is not installed';

/** Opens pages that share nothing with one another. */
export function useBrowser(): { open(): Promise<Page> } {
  let browser: Browser | undefined;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: SWITCHES });
  });
  afterAll(() => browser?.close());
  return {
    open: async () => {
      if (browser === undefined) throw new Error('the browser has not been started');
      const context = await browser.newContext();
      return context.newPage();
    },
  };
}
