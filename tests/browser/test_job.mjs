/* Watch it learn: a fit under way, its end, what can be done with it, and a connection that is cut. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessibilityFindings, closeBrowser, openPage, pixels, startService, steps } from './harness.mjs';

const GAUSSIAN = { encoding: { type: 'gaussian', n_frequencies: 32, sigma: 4 }, network: { n_hidden_layers: 2, width: 32 } };
/* Runs until it is stopped. */
const ENDLESS = { steps: 1000000, batch_size: 256, learning_rate: 0.001 };

let service;
let picture;
before(async () => {
  service = await startService();
  picture = await service.upload(service.sample('picture', { size: 64 }), 'image', 'lake.png');
});
after(async () => {
  await closeBrowser();
  await service.stop();
});

const start = (body) => service.post('/v1/jobs', { dataset_id: picture.id, ...body });
const cancel = (id) => service.post(`/v1/jobs/${id}/cancel`, {});
const watchJob = (id, options = {}) => openPage(service, { path: `#/jobs/${id}`, ...options });
const state = (page, text) => page.locator('.job-state').filter({ hasText: text }).waitFor();
const numberOf = (page, name) => page.evaluate((name) => {
  const term = [...document.querySelectorAll('.numbers dt')].find((dt) => dt.textContent === name);
  return term ? Number.parseFloat(term.nextSibling.textContent.replaceAll(',', '')) : null;
}, name);
const grown = (page, name, least) => page.waitForFunction(([name, least]) => {
  const term = [...document.querySelectorAll('.numbers dt')].find((dt) => dt.textContent === name);
  return term && Number.parseFloat(term.nextSibling.textContent) > least;
}, [name, least]);
/* Where the curves end, as they say it of themselves. */
const curves = (page) => page.locator('.curves .chart[aria-label]').evaluateAll((all) => all.map((c) => c.getAttribute('aria-label')));
/* Root of the mean squared difference of two pictures on the page, 0 to 255. */
async function difference(page, a, b) {
  const [p, q] = [await pixels(page, page.locator(a)), await pixels(page, page.locator(b))];
  let sum = 0;
  let n = 0;
  for (let y = 2; y < Math.min(p.height, q.height) - 2; y += 3) {
    for (let x = 2; x < Math.min(p.width, q.width) - 2; x += 3) {
      p.at(x, y).forEach((v, c) => (sum += (v - q.at(x, y)[c]) ** 2));
      n += 3;
    }
  }
  return Math.sqrt(sum / n);
}
const FIELD = '.field-look .still';
const DATA = 'figure.look:has(img) .still';

test('a fit is watched: PSNR rises, the curves and the picture follow, the error fades', async () => {
  const job = await start({ field: { ...GAUSSIAN, encoding: { ...GAUSSIAN.encoding, sigma: 1.5 } }, train: ENDLESS });
  const page = await watchJob(job.id);
  await state(page, 'Training');
  await page.getByRole('heading', { name: 'lake.png' }).waitFor();
  await page.getByText('The field, step').waitFor();
  await grown(page, 'PSNR', 5);
  const early = { psnr: await numberOf(page, 'PSNR'), far: await difference(page, FIELD, DATA) };
  await grown(page, 'PSNR', early.psnr + 0.5);
  assert.match((await curves(page)).join(), /PSNR\. PSNR: .*Loss.*loss: /s);
  /* The spectral bias: low frequencies are learned before high ones. */
  await page.waitForFunction(() => {
    const learned = [...document.querySelectorAll('.bands .track i')].map((b) => b.getBoundingClientRect().width);
    return learned.length >= 4 && learned[0] > 1.3 * learned.at(-1);
  });
  await page.getByText('the spectral bias').waitFor();
  assert.equal((await service.ask(`/v1/jobs/${job.id}`)).status, 'running');
  await page.getByRole('button', { name: 'Cancel' }).click();
  await state(page, 'Canceled');
  await page.getByRole('link', { name: 'Look into the field' }).waitFor();
  page.blameless();
  await page.close();

  const good = await start({ train: { steps: 300 } });
  const second = await watchJob(good.id);
  await state(second, 'Succeeded');
  await second.locator('[aria-label="The field, step 300"]').waitFor();
  await second.locator('[aria-label^="Error map. Mean"]').waitFor();
  assert.ok(await difference(second, FIELD, DATA) < Math.min(early.far, 12));
  const [map] = [await pixels(second, second.locator('.error-map .still'))];
  assert.ok(Math.max(...map.mean()) < 16, `the error of a good fit is dark, not ${map.mean()}`);
  second.blameless();
});

test('what is left by frequency is what the service measured: low octaves are learned first', async () => {
  const job = await service.fit({ dataset_id: picture.id, field: GAUSSIAN, train: { steps: steps(400), batch_size: 1024, learning_rate: 0.005 } });
  const page = await watchJob(job.id);
  const bars = page.locator('.spectrum .bands li');
  await bars.nth(5).waitFor();
  const shown = await bars.evaluateAll((all) => all.map((li) => {
    const track = li.querySelector('.track').getBoundingClientRect();
    return { name: li.firstChild.textContent, share: li.querySelector('.track i').getBoundingClientRect().width / track.width };
  }));
  assert.deepEqual(shown.map((b) => b.name), ['up to 1/64', '1/64 – 1/32', '1/32 – 1/16', '1/16 – 1/8', '1/8 – 1/4', 'over 1/4']);
  shown.forEach(({ share }, k) => {
    const left = job.metrics[`residual_band_${k}`];
    assert.ok(Math.abs(share - Math.min(1, Math.max(0, 1 - left))) < 0.02, `band ${k}: ${share} is drawn, ${left} is left`);
  });
  assert.ok(shown[0].share > shown[5].share + 0.2, `low before high: ${shown.map((b) => b.share)}`);
  assert.match((await curves(page)).join(), /Residual by frequency/);
  page.blameless();
  await page.close();
});

test('an error map compares the very same pixels: of a picture that is learned by heart nothing is left', async () => {
  /* Noise: whatever is a pixel off, or scaled, differs everywhere. */
  const size = 48;
  const header = `{'descr': '|u1', 'fortran_order': False, 'shape': (${size}, ${size + 13}), }`.padEnd(117) + '\n';
  const noise = Buffer.from(Uint8Array.from({ length: size * (size + 13) }, (_, i) => (i * 7919 * (i % 251)) % 256));
  const bytes = Buffer.concat([Buffer.from('\x93NUMPY\x01\x00\x76\x00', 'latin1'), Buffer.from(header), noise]);
  const data = await service.ask('/v1/datasets?kind=image&name=noise.npy', { method: 'POST', body: bytes });
  const field = { encoding: { type: 'densegrid', n_levels: 1, n_features_per_level: 2, base_resolution: 64, finest_resolution: 64 }, network: { n_hidden_layers: 1, width: 32, output_activation: 'linear' } };
  const job = await service.fit({ dataset_id: data.id, field, train: { steps: 600, batch_size: 1024, learning_rate: 0.02 } });
  assert.ok(job.metrics.psnr > 28, `PSNR ${job.metrics.psnr}`);
  const page = await watchJob(job.id);
  const errorMap = async () => {
    await page.locator('[aria-label^="Error map. Mean"]').waitFor();
    return (await pixels(page, page.locator('.error-map .still'))).mean();
  };
  assert.ok(Math.max(...await errorMap()) < 20);
  const unlearned = await service.fit({ dataset_id: data.id, field, train: { steps: 1 } });
  await page.goto(`${service.url}/#/jobs/${unlearned.id}?gain=4`);
  await page.getByRole('button', { name: '×4', pressed: true }).waitFor();
  assert.ok((await errorMap())[0] > 100, 'nothing is learned: the map is bright');
  await page.getByRole('button', { name: '×16' }).click();
  assert.match(page.url(), /gain=16/);
  page.blameless();
});

test('a canceled job is resumed, and reaches more steps in the same chart', async () => {
  const job = await service.fit({ dataset_id: picture.id, field: GAUSSIAN, train: { steps: steps(400) } });
  const page = await watchJob(job.id);
  await state(page, 'Succeeded');
  await page.getByRole('button', { name: 'Resume' }).click();
  assert.equal(await page.getByLabel('Steps in all').inputValue(), String(2 * steps(400)));
  await page.getByLabel('Steps in all').fill(String(3 * steps(400)));
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.waitForURL((url) => !url.href.includes(`jobs/${job.id}`) && url.href.includes(`after=${job.id}`));
  await state(page, 'Succeeded');
  await page.getByText(`Step ${(3 * steps(400)).toLocaleString('en')} of`).waitFor();
  await page.getByText('goes on from').waitFor();
  page.blameless();
});

test('a service that is killed and started again under the open page loses no point', async () => {
  const job = await start({ field: GAUSSIAN, train: { ...ENDLESS, steps: null, time_limit_seconds: 4 } });
  const page = await watchJob(job.id);
  await state(page, 'Training');
  await page.waitForFunction(() => document.querySelector('.page').series.lines.loss?.length > 3);
  await service.kill();
  await page.getByText('This page goes on by itself').waitFor();
  await page.locator('.health.down').waitFor();
  await service.start();
  await state(page, 'Succeeded: its time was up');
  await page.getByText('This page goes on by itself').waitFor({ state: 'hidden' });
  await page.getByText('2 (a restart').waitFor();
  const { series } = await service.ask(`/v1/jobs/${job.id}/metrics`);
  assert.deepEqual(await page.evaluate(() => document.querySelector('.page').series.lines), series);
  page.forgive(); /* the browser reports each request that was not answered */
});

test('a browser that was offline for a while catches up', async () => {
  const job = await start({ field: GAUSSIAN, train: { ...ENDLESS, steps: null, time_limit_seconds: 3 } });
  const page = await watchJob(job.id);
  await page.waitForFunction(() => document.querySelector('.page')?.series?.lines.loss?.length > 1);
  await page.context().setOffline(true);
  await service.ended(job.id);
  await page.context().setOffline(false);
  await state(page, 'Succeeded');
  const { series } = await service.ask(`/v1/jobs/${job.id}/metrics`);
  assert.deepEqual(await page.evaluate(() => document.querySelector('.page').series.lines), series);
  page.forgive(); /* as above */
});

test('a stream that only fell silent, as after a sleep, is asked for again', async () => {
  const job = await start({ field: GAUSSIAN, train: ENDLESS });
  const page = await openPage(service, { path: '#/jobs' });
  await page.clock.install();
  let asked = 0;
  await page.route('**/events', (route) => (asked++ ? route.continue() : null)); /* the first never hears anything */
  const first = page.waitForRequest('**/events');
  await page.goto(`${service.url}/#/jobs/${job.id}`);
  await first;
  await cancel(job.id);
  await service.ended(job.id);
  const second = page.waitForRequest('**/events');
  await page.clock.fastForward(60000);
  await second;
  await state(page, 'Canceled');
  await page.waitForFunction(() => document.querySelector('.page').series.lines.loss);
  page.blameless();
});

test('a job is deleted from its page, and a page elsewhere says so', async () => {
  const job = await service.fit({ dataset_id: picture.id, train: { steps: steps(50) } });
  const elsewhere = await watchJob(job.id);
  await state(elsewhere, 'Succeeded');
  const page = await watchJob(job.id);
  for (const [role, name, file] of [['button', 'Plot, PNG', /^lake-curves\.png$/], ['link', 'Weights', /\.safetensors$/], ['link', 'PNG, 2×', /^lake-2x\.png$/]]) {
    const coming = page.waitForEvent('download');
    await page.getByRole(role, { name }).click();
    const download = await coming;
    assert.match(download.suggestedFilename(), file);
    assert.equal(await download.failure(), null);
  }
  await page.getByRole('button', { name: 'Delete job' }).click();
  await page.getByRole('button', { name: 'Delete it' }).click();
  await page.waitForURL(/#\/jobs$/);
  page.blameless();
  await elsewhere.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await elsewhere.getByText('This job was deleted').waitFor();
  const late = await watchJob(job.id);
  await late.getByRole('alert').filter({ hasText: 'There is no such job' }).waitFor();
});

test('a failure is told in words', async () => {
  const train = { steps: 500, learning_rate: 10, optimizer: { type: 'sgd' } };
  const field = { ...GAUSSIAN, network: { n_hidden_layers: 6, width: 64, output_activation: 'linear' } };
  const job = await service.ended((await start({ field, train })).id);
  assert.equal(job.error?.class, 'diverged');
  const page = await watchJob(job.id);
  await page.getByRole('alert').filter({ hasText: 'The fit diverged' }).waitFor();
  await page.getByText('A smaller learning rate').waitFor();
  assert.deepEqual(await accessibilityFindings(page), []);
  page.blameless();
});

test('a job in the queue tells its place, and can be canceled there', async () => {
  const first = await start({ field: GAUSSIAN, train: ENDLESS });
  const second = await start({ field: GAUSSIAN, train: ENDLESS });
  const third = await start({ field: GAUSSIAN, train: ENDLESS });
  const page = await watchJob(third.id);
  await state(page, 'Queued, number 2');
  await cancel(second.id);
  await state(page, 'Queued, number 1');
  await page.getByRole('button', { name: 'Cancel' }).click();
  await state(page, 'Canceled');
  assert.equal(await page.getByRole('link', { name: 'Look into the field' }).count(), 0);
  await page.waitForFunction(() => document.activeElement.closest('.job-actions'));
  await page.getByRole('button', { name: 'Logarithmic' }).click();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Logarithmic');
  await cancel(first.id);
  page.blameless();
});

for (const dark of [false, true]) {
  test(`read by all, ${dark ? 'dark' : 'light'}, and as wide as a telephone`, async () => {
    const job = await service.fit({ dataset_id: picture.id, train: { steps: steps(100) } });
    const page = await watchJob(job.id, { dark, width: 390 });
    await page.locator('[aria-label^="Error map. Mean"]').waitFor();
    assert.deepEqual(await accessibilityFindings(page), []);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    page.blameless();
  });
}
