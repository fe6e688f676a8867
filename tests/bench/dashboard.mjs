/* The dashboard's figures, in a real browser on this machine: make bench-dashboard.
 *
 *   first paint, scripts and requests of the start page        median of 9 fresh visits
 *   kernel explorer: from the slider's move to the new curve   40 moves
 *   tiles while zooming and panning a grid fit                 DATA=…/kodim19.png, else the program's sample
 *   orbiting a scene: frames a second, and the sharp frame     VIEWS=…/lego_100x100.npz, else the program's sample
 *   the service's share of a core with a page open on a running job    MINUTES=3 of an hour, after AFTER=5
 *
 * ONLY=start,kernel,tiles,orbit,open takes some of them.  Writes build/bench-dashboard.json. */

import { readFileSync, writeFileSync } from 'node:fs';
import { closeBrowser, openPage, startService } from '../browser/harness.mjs';

const only = (process.env.ONLY ?? 'start,kernel,tiles,orbit,open').split(',');
const figures = {};
const sorted = (numbers) => [...numbers].sort((a, b) => a - b);
const quantile = (numbers, q) => sorted(numbers)[Math.min(numbers.length - 1, Math.floor(q * numbers.length))];
const median = (numbers) => quantile(numbers, 0.5);
const round = (v, digits = 1) => Number(v.toFixed(digits));

function say(name, values) {
  figures[name] = values;
  console.log(`${name.padEnd(8)} ${Object.entries(values).map(([k, v]) => `${k} ${v}`).join(', ')}`);
}

const service = await startService();
const upload = (path, sample, kind) => service.upload(path ?? service.sample(sample), kind, path ? path.split('/').pop() : sample);

/* --- the start page --- */

async function measureStart() {
  const visits = [];
  for (let i = 0; i < 9; i++) {
    const page = await openPage(service, { path: '#/' });
    await page.waitForLoadState('networkidle');
    visits.push(await page.evaluate(() => {
      const entries = performance.getEntriesByType('resource');
      const scripts = entries.filter((e) => e.name.endsWith('.js'));
      return {
        paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN,
        heading: performance.now(),
        scripts: scripts.reduce((sum, e) => sum + e.decodedBodySize, 0),
        requests: entries.length,
      };
    }));
    page.blameless();
    await page.context().close();
  }
  say('start', {
    first_paint_ms: round(median(visits.map((v) => v.paint))),
    first_paint_most_ms: round(Math.max(...visits.map((v) => v.paint))),
    scripts_kib: round(visits[0].scripts / 1024),
    requests: visits[0].requests,
  });
}

/* --- the kernel explorer --- */

async function measureKernel() {
  const page = await openPage(service, { path: '#/kernel' });
  await page.getByRole('img', { name: /^Kernel over the offset/ }).waitFor();
  await page.waitForLoadState('networkidle');
  const times = await page.evaluate(async () => {
    const slider = document.getElementById('kernel-sigma');
    const place = document.querySelector('.page');
    const taken = [];
    for (let i = 0; i < 40; i++) {
      const drawn = new Promise((resume) => place.addEventListener('kernel-drawn',
        () => requestAnimationFrame(() => requestAnimationFrame(resume)), { once: true }));
      const start = performance.now();
      slider.value = String(-1 + (3 * ((i * 17) % 40)) / 40);
      slider.dispatchEvent(new Event('input', { bubbles: true }));
      await drawn;
      taken.push(performance.now() - start);
    }
    return taken;
  });
  page.blameless();
  say('kernel', { moves: times.length, median_ms: round(median(times)), p95_ms: round(quantile(times, 0.95)) });
  await page.context().close();
}

/* --- tiles --- */

/* A hand on the keys: nearer, about, and away again. */
const WALK = ['+', '+', 'ArrowRight', '+', '+', 'ArrowUp', '+', 'ArrowLeft', '+', '+', 'ArrowDown', '-', 'ArrowRight', '-', '-', 'ArrowUp', '-', '-'];
const N_TILES = 100;

async function measureTiles() {
  const dataset = await upload(process.env.DATA, 'picture', 'image');
  const job = await service.fit({ dataset_id: dataset.id });
  const page = await openPage(service, { path: `#/fields/${job.field_id}?mode=field` });
  const isLoaded = () => page.waitForFunction(() => document.querySelector('.pane')?.getAttribute('aria-busy') === 'false');
  const tiles = () => page.evaluate(() => performance.getEntriesByType('resource').filter((e) => e.name.includes('/dzi/'))
    .map((e) => ({ served: e.responseEnd - e.requestStart, all: e.duration })));
  await isLoaded();
  await page.locator('.pane').focus();
  for (let i = 0; (await tiles()).length < N_TILES && i < 20 * WALK.length; i++) {
    const before = await page.evaluate(() => location.hash);
    await page.keyboard.press(WALK[i % WALK.length]);
    await page.waitForFunction((hash) => location.hash !== hash, before).catch(() => {});
    await isLoaded();
  }
  const entries = await tiles();
  const served = entries.map((e) => e.served);
  page.blameless();
  say('tiles', {
    tiles: entries.length,
    median_ms: round(median(served)),
    p95_ms: round(quantile(served, 0.95)),
    with_waiting_p95_ms: round(quantile(entries.map((e) => e.all), 0.95)),
  });
  await page.context().close();
}

/* --- orbiting --- */

async function measureOrbit() {
  const dataset = await upload(process.env.VIEWS, 'views', 'views');
  const job = await service.fit({ dataset_id: dataset.id });
  const page = await openPage(service, { path: `#/fields/${job.field_id}` });
  const canvas = page.locator('.stage canvas').first();
  await canvas.waitFor();
  await page.waitForLoadState('networkidle');
  const answers = [];
  page.on('response', (r) => {
    const { width } = r.url().endsWith('/render') && r.ok() ? r.request().postDataJSON() : { width: 0 };
    if (width > 1) answers.push({ at: performance.now(), width }); /* one ray is what the pointer meets */
  });
  const box = await canvas.boundingBox();
  await page.mouse.move(box.x + 100, box.y + box.height / 2);
  await page.mouse.down();
  const start = performance.now();
  for (let i = 0; performance.now() - start < 5000; i++) {
    await page.mouse.move(box.x + 100 + (i % 100) * 3, box.y + box.height / 2);
    await new Promise((resume) => setTimeout(resume, 16));
  }
  const frames = answers.slice();
  const seconds = (performance.now() - start) / 1000;
  await page.mouse.up();
  const still = performance.now();
  while (!answers.some((a) => a.at > still && a.width >= 200) && performance.now() - still < 10000) {
    await new Promise((resume) => setTimeout(resume, 5));
  }
  const sharp = answers.find((a) => a.at > still && a.width >= 200);
  say('orbit', {
    frames_per_second: round(frames.length / seconds),
    frame_side: frames.length ? median(frames.map((f) => f.width)) : 0,
    of_100_percent: round((100 * frames.filter((f) => f.width === 100).length) / frames.length),
    sharp_ms: sharp ? round(sharp.at - still) : 'none',
    sharp_side: sharp ? sharp.width : 0,
  });
  page.blameless();
  await page.context().close();
}

/* --- an open page --- */

/* Seconds of processor that the service itself has used, without its workers. */
function seconds() {
  const fields = readFileSync(`/proc/${service.process.pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const pause = (minutes) => new Promise((resume) => setTimeout(resume, 60000 * minutes));

async function measureOpen() {
  const minutes = Number(process.env.MINUTES ?? 3);
  const after = Number(process.env.AFTER ?? 5);
  const dataset = await upload(process.env.DATA, 'picture', 'image');
  const job = await service.post('/v1/jobs', { dataset_id: dataset.id, preset: 'paper', train: { steps: 1000000 } });
  const begin = seconds();
  await pause(1);
  const alone = seconds() - begin;
  const page = await openPage(service, { path: `#/jobs/${job.id}` });
  const opened = seconds();
  await pause(after);
  const early = seconds() - opened;
  const middle = seconds();
  await pause(minutes);
  const late = seconds() - middle;
  const hour = early + (late / minutes) * (60 - after);
  say('open', {
    without_page_percent: round((100 * alone) / 60, 2),
    first_minutes_percent: round((100 * early) / (60 * after), 2),
    later_percent: round((100 * late) / (60 * minutes), 2),
    of_an_hour_percent: round((100 * hour) / 3600, 2),
  });
  page.blameless();
  await service.post(`/v1/jobs/${job.id}/cancel`);
}

const measures = { start: measureStart, kernel: measureKernel, tiles: measureTiles, orbit: measureOrbit, open: measureOpen };
for (const name of only) await measures[name]();
await closeBrowser();
await service.stop();
writeFileSync('build/bench-dashboard.json', `${JSON.stringify(figures, null, 2)}\n`);
