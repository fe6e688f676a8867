/* The pictures of docs/dashboard: every page, light and dark, wide and narrow, over samples that the program makes.
 * `make screenshots` runs it; ONLY=job,kernel takes some of them. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { closeBrowser, openPage, root, startService } from '../tests/browser/harness.mjs';

const only = (process.env.ONLY ?? '').split(',').filter(Boolean);
const out = process.env.OUT || join(root, 'docs/dashboard');
mkdirSync(out, { recursive: true });
const service = await startService();

/* --- what is there to see --- */

const upload = (name, kind, options) => service.upload(service.sample(name, options), kind, options?.file ?? name);
const picture = await upload('picture', 'image');
const small = await upload('picture', 'image', { size: 256, seed: 3, file: 'balloons' });
const text = await upload('text', 'image');
const volume = await upload('phantom3d', 'volume');
const shape = await upload('shape', 'shape');
const views = await upload('views', 'views');
const signal = await upload('signal', 'signal');

const gaussian = (sigma, steps) => ({
  preset: 'paper', field: { encoding: { type: 'gaussian', sigma } }, train: { steps, batch_size: 8192, holdout: 'odd_pixels' },
});
const pictureJob = await service.fit({ dataset_id: picture.id });
const mappings = [];
for (const type of ['none', 'basic', 'positional', 'gaussian']) {
  mappings.push(await service.fit({ dataset_id: small.id, preset: 'paper', field: { encoding: { type } }, train: { steps: 500, batch_size: 8192 } }));
}
const learned = await service.fit({ dataset_id: picture.id, ...gaussian(10, 400) });
const volumeJob = await service.fit({ dataset_id: volume.id, train: { time_limit_seconds: 10 } });
const shapeJob = await service.fit({ dataset_id: shape.id, train: { time_limit_seconds: 10 } });
const viewsJob = await service.fit({ dataset_id: views.id, train: { time_limit_seconds: 30 } });
const signalJob = await service.fit({ dataset_id: signal.id });
const sweep = await service.post('/v1/sweeps', {
  dataset_ids: [small.id],
  base: { preset: 'paper', train: { steps: 400, batch_size: 8192, holdout: 'odd_pixels' } },
  grid: { '/field/encoding/sigma': [1, 3, 8, 20, 60] },
});
for (;;) {
  const { status } = await service.ask(`/v1/sweeps/${sweep.id}`);
  if (status !== 'queued' && status !== 'running') break;
  const { items } = await service.ask('/v1/jobs?status=running');
  if (items.length) await service.ended(items[0].id);
}
/* Two that are still at it, for the pages that show life. */
const running = await service.post('/v1/jobs', { dataset_id: picture.id, ...gaussian(10, 1000000), labels: { series: 'lecture' } });
await service.post('/v1/jobs', { dataset_id: text.id, ...gaussian(14, 2000) });

/* --- the pages: [name, address, a text or selector to wait for, what to do before] --- */

/* So that what sticks to the window's edge is at the page's. */
async function asTallAsItIs(page) {
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.setViewportSize({ width: page.viewportSize().width, height });
}

const settle = (page) => page.waitForLoadState('networkidle', { timeout: 8000 }).catch(() => {});
const pages = [
  ['start', '#/'],
  ['fit', `#/datasets/${picture.id}`, asTallAsItIs],
  ['job', `#/jobs/${learned.id}`],
  ['running', `#/jobs/${running.id}`, (page) => page.waitForTimeout(6000)],
  ['jobs', '#/jobs'],
  ['datasets', '#/datasets'],
  ['fields', '#/fields'],
  ['picture', `#/fields/${pictureJob.field_id}`],
  ['zoom', `#/fields/${pictureJob.field_id}?x=150&y=250&zoom=8&mode=curtain`],
  ['volume', `#/fields/${volumeJob.field_id}`],
  ['shape', `#/fields/${shapeJob.field_id}`],
  ['views', `#/fields/${viewsJob.field_id}`],
  ['signal', `#/fields/${signalJob.field_id}`],
  ['compare', `#/compare?fields=${mappings.map((j) => j.field_id).join(',')}`],
  ['sweeps', '#/sweeps'],
  ['sweep', `#/sweeps/${sweep.id}`],
  ['newsweep', `#/sweeps?new=1&dataset=${small.id}`, asTallAsItIs],
  ['kernel', '#/kernel?sigma=5&keep=' + encodeURIComponent('[{"mapping":"basic"}]')],
  ['service', '#/service'],
];

/* One that asks for tokens. */
const guarded = await startService({ host: '0.0.0.0' });
pages.push(['sign-in', '#/']);

for (const [name, path, before] of pages.filter(([name]) => !only.length || only.includes(name))) {
  for (const dark of [false, true]) {
    for (const [wide, width, height] of [['wide', 1280, 800], ['narrow', 390, 844]]) {
      const page = await openPage(name === 'sign-in' ? guarded : service, { path, width, height, dark });
      await settle(page);
      await before?.(page);
      await page.screenshot({
        path: join(out, `${name}-${wide}-${dark ? 'dark' : 'light'}.jpg`), type: 'jpeg', quality: 72, fullPage: true,
      });
      if (name === 'sign-in') page.forgive(); /* the browser reports the 401 */
      for (const offence of page.offences()) console.log(`${name}: ${offence}`);
      await page.context().close();
    }
  }
  console.log(name);
}
await closeBrowser();
await guarded.stop();
await service.stop();
