// Chromium, as tests use it.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { chromium } from 'playwright-core';

import { ARTIFACTS } from './server.mjs';

const BROWSERS = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/google-chrome', '/usr/bin/chromium-browser'];
const executablePath = BROWSERS.find((path) => path && existsSync(path));
const TIMEOUT_MS = 15_000;

// Of a test that is left out where there is none.
export const needsBrowser = { skip: executablePath ? false : `no Chromium at ${BROWSERS.filter(Boolean).join(', ')}` };

export async function openBrowser(t, ...args) {
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage', ...args] });
  t.after(() => browser.close());
  mkdirSync(ARTIFACTS, { recursive: true });
  return browser;
}

// A page that may not complain: no script error, nothing its policy blocked.
export async function openPage(browser, url, { expected = /^$/, ...settings } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...settings });
  context.setDefaultTimeout(TIMEOUT_MS);
  const page = await context.newPage();
  page.complaints = [];
  page.on('pageerror', (error) => page.complaints.push(error.message));
  page.on('console', (line) => {
    if (line.type() === 'error' && !expected.test(line.text())) page.complaints.push(line.text());
  });
  await page.goto(url);
  return page;
}

export const shoot = (page, name) => page.screenshot({ path: join(ARTIFACTS, `${name}.png`) });
