/* The real program on a free port, and a real browser on it.
 *
 *   const service = await startService({ args, host })   a service of its own over a folder of its own
 *   service.url, .folder, .sample(name, options), .upload(file, kind), .fit(body), .ended(jobId), .kill(), .start(), .stop()
 *   const page = await openPage(service, { path: '#/jobs' })   a page that keeps a list of its offences
 *   await page.blameless()                                       none: console errors, requests elsewhere, policy violations
 *
 * FARFIELD names the program (build/release/farfield).  Sizes and steps are cut where CUT is set. */

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const program = resolve(root, process.env.FARFIELD ?? 'build/release/farfield');
export const require = createRequire(join(root, 'build/npm/browser/package.json'));
const { chromium } = require('playwright-core');

/* Sanitized programs are ten times as slow: their fits get a tenth of the steps. */
export const CUT = /\/(asan|tsan)\//.test(program) ? 10 : 1;
export const steps = (n) => Math.max(20, Math.round(n / CUT));

/* Real data, where it is; the tests that need it are left out elsewhere. */
export const data = [process.env.FARFIELD_TEST_DATA, resolve(root, '../shared/data')].find((d) => d && existsSync(d));

const ENDED = new Set(['succeeded', 'failed', 'canceled']);

export class Service {
  constructor(args, host) {
    this.args = args;
    this.host = host;
    this.folder = mkdtempSync(join(tmpdir(), 'farfield-browser-'));
    this.port = 0;
    this.headers = {};
  }

  /* Starts it, the first time on a free port, then on the same one again. */
  async start() {
    this.log = '';
    const place = ['--listen', `${this.host}:${this.port}`, '--data', join(this.folder, 'data')];
    this.process = spawn(program, ['serve', ...place, ...this.args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.process.stderr.on('data', (text) => (this.log += text));
    this.ended_ = new Promise((resolve) => this.process.once('exit', resolve));
    const first = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]().next();
    const line = await Promise.race([first.then((r) => r.value), this.ended_.then(() => null)]);
    assert.ok(line, `the service did not start:\n${this.log}`);
    this.port = Number(/listening on \S+:(\d+)/.exec(line)[1]);
    this.url = `http://127.0.0.1:${this.port}`;
    return this;
  }

  async kill(signal = 'SIGKILL') {
    this.process.kill(signal);
    await this.ended_;
  }

  async stop() {
    await this.kill('SIGTERM');
    rmSync(this.folder, { recursive: true, force: true });
  }

  async ask(path, options = {}) {
    const response = await fetch(this.url + path, { ...options, headers: { ...this.headers, ...options.headers } });
    const text = await response.text();
    assert.ok(response.ok, `${path}: ${response.status} ${text.slice(0, 400)}`);
    return text ? JSON.parse(text) : null;
  }

  post(path, body) {
    return this.ask(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  }

  /* A file of farfield sample's making; its path. */
  sample(name, { size, seed = 0, file = name } = {}) {
    const out = join(this.folder, file);
    execFileSync(program, ['sample', name, '--seed', String(seed), ...(size ? ['--size', String(size)] : []), '--out', out]);
    return out;
  }

  upload(file, kind, name = file.split('/').pop()) {
    const query = new URLSearchParams({ kind, name });
    return this.ask(`/v1/datasets?${query}`, { method: 'POST', body: readFileSync(file) });
  }

  /* The job, once it has ended well. */
  async fit(body) {
    const job = await this.ended((await this.post('/v1/jobs', body)).id);
    assert.equal(job.status, 'succeeded', JSON.stringify(job.error));
    return job;
  }

  /* The job, once it has ended: told by its events, not asked for again and again. */
  async ended(id) {
    for (;;) {
      const job = await this.ask(`/v1/jobs/${id}`);
      if (ENDED.has(job.status)) return job;
      const events = await fetch(`${this.url}/v1/jobs/${id}/events`, { headers: this.headers });
      const reader = events.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        if (part.value.includes('event: done')) break;
      }
      await reader.cancel();
    }
  }
}

/* host: another than the loopback asks for tokens. */
export const startService = ({ args = [], host = '127.0.0.1' } = {}) => new Service(args, host).start();

/* --- the browser --- */

let browser = null;

async function theBrowser() {
  browser ??= await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--force-color-profile=srgb'],
  });
  return browser;
}

export async function closeBrowser() {
  await browser?.close();
  browser = null;
}

/* What a page did that no page may do.  A service that is down on purpose makes errors of its own: page.forgive(). */
function keepOffences(page, service) {
  let offences = [];
  page.on('console', (m) => m.type() === 'error' && offences.push(`console: ${m.text()}`));
  page.on('pageerror', (e) => offences.push(`exception: ${e.stack ?? e.message}`));
  page.on('request', (r) => {
    const url = r.url();
    if (!url.startsWith(service.url) && !/^(blob|data):/.test(url)) offences.push(`a request elsewhere: ${url}`);
  });
  page.offences = () => offences;
  page.forgive = () => (offences = []);
  page.blameless = () => assert.deepEqual(offences, []);
}

/* options: { path, width, height, dark, context: a BrowserContext to be in }. */
export async function openPage(service, { path = '', width = 1280, height = 860, dark = false, context } = {}) {
  context ??= await (await theBrowser()).newContext({
    viewport: { width, height },
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
    acceptDownloads: true,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(30000 * (CUT > 1 ? 4 : 1));
  keepOffences(page, service);
  await page.goto(`${service.url}/${path}`);
  return page;
}

/* Drop a file on an element, as from the desktop. */
export async function dropFile(page, selector, file, name = file.split('/').pop(), type = '') {
  const content = readFileSync(file).toString('base64');
  const transfer = await page.evaluateHandle(async ({ content, name, type }) => {
    const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, { type }));
    return transfer;
  }, { content, name, type });
  for (const event of ['dragenter', 'dragover', 'drop']) await page.dispatchEvent(selector, event, { dataTransfer: transfer });
}

/* The pixels that are seen at a place of the page: { width, height, at(x, y) → [r, g, b], mean(): [r, g, b], spread() }. */
export async function pixels(page, locator) {
  const shot = (await locator.screenshot()).toString('base64');
  const { width, height, text } = await page.evaluate(async (shot) => {
    const binary = Uint8Array.from(atob(shot), (c) => c.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([binary], { type: 'image/png' }));
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const g = canvas.getContext('2d');
    g.drawImage(bitmap, 0, 0);
    const bytes = g.getImageData(0, 0, bitmap.width, bitmap.height).data;
    let text = ''; /* travels a hundred times as fast as a list of numbers */
    for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
    return { width: bitmap.width, height: bitmap.height, text: btoa(text) };
  }, shot);
  const bytes = Buffer.from(text, 'base64');
  const at = (x, y) => Array.from(bytes.subarray(4 * (Math.floor(y) * width + Math.floor(x)), 4 * (Math.floor(y) * width + Math.floor(x)) + 3));
  const mean = () => [0, 1, 2].map((c) => {
    let sum = 0;
    for (let i = c; i < bytes.length; i += 4) sum += bytes[i];
    return sum / (width * height);
  });
  /* Standard deviation of the green channel: 0 for a blank place. */
  const spread = () => {
    const m = mean()[1];
    let sum = 0;
    for (let i = 1; i < bytes.length; i += 4) sum += (bytes[i] - m) ** 2;
    return Math.sqrt(sum / (width * height));
  };
  return { width, height, at, mean, spread };
}

/* Serious findings of axe-core on the page as it stands. */
export async function accessibilityFindings(page) {
  const source = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
  await page.evaluate(source);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return violations.filter((v) => v.impact === 'serious' || v.impact === 'critical')
    .map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.target.join(' ')).join(', ')}`);
}

/* The pixels that a canvas holds: { width, height, bytes: [r, g, b, a, …] }. */
export async function drawn(locator) {
  const { width, height, text } = await locator.evaluate((canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let text = '';
    for (let i = 0; i < data.length; i += 8192) text += String.fromCharCode(...data.subarray(i, i + 8192));
    return { width: canvas.width, height: canvas.height, text: btoa(text) };
  });
  return { width, height, bytes: Buffer.from(text, 'base64') };
}

/* The same of a picture that the service answers with; body: where it is asked for by POST. */
export async function answered(page, path, body) {
  const handle = await page.evaluateHandle(async ({ path, body }) => {
    const post = body && { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
    const bitmap = await createImageBitmap(await (await fetch(path, post)).blob());
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    canvas.getContext('2d').drawImage(bitmap, 0, 0);
    return canvas;
  }, { path, body });
  return drawn(handle);
}
