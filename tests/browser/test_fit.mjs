/* Starting a fit: from a file that is dropped, through what the service understood of it and its settings, to the job. */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { accessibilityFindings, closeBrowser, dropFile, openPage, pixels, startService, steps } from './harness.mjs';
import { npz } from './numpy_files.mjs';

let service;
before(async () => (service = await startService()));
after(async () => {
  await closeBrowser();
  await service.stop();
});

const onDataset = (page) => page.waitForURL(/#\/datasets\/ds_\w+/);
const estimated = (page) => page.locator('.fit-forecast').waitFor();
const bodyOf = (page) => page.locator('.fit-command').textContent().then((t) => JSON.parse(/-d '(.*)'/s.exec(t)[1]));
const setting = (page, pointer) => page.locator(`[data-pointer="${pointer}"]`);
const addressOf = (dataset, query = {}) => `#/datasets/${dataset.id}?${new URLSearchParams(query)}`;

/* The picture of what was understood is there, and not blank. */
async function previewIsSeen(page) {
  await page.waitForFunction(() => document.querySelector('.fit-preview img')?.naturalWidth > 0);
  assert.ok((await pixels(page, page.locator('.fit-preview img'))).spread() > 10);
}

test('a picture is dropped, understood and fitted', async () => {
  const page = await openPage(service);
  await page.getByText('None yet').waitFor();
  await dropFile(page, '#house', service.sample('picture', { size: 64, file: 'hills.png' }));
  await onDataset(page);
  await page.getByRole('heading', { name: 'hills.png' }).waitFor();
  await page.getByText('64 × 64 pixels').waitFor();
  await page.getByText('RGB').waitFor();
  await previewIsSeen(page);
  await estimated(page);
  assert.deepEqual(await accessibilityFindings(page), []);
  await page.getByText('Training', { exact: true }).click();
  await page.getByLabel('Steps', { exact: true }).fill(String(steps(60)));
  await page.getByRole('button', { name: 'Start the fit' }).click();
  await page.waitForURL(/#\/jobs\/job_\w+/);
  const job = await service.ended(/job_\w+/.exec(page.url())[0]);
  assert.equal(job.spec.train.steps, steps(60));
  page.blameless();

  const start = await openPage(service);
  const card = start.locator('.fit-cards a');
  await card.getByText('hills.png').waitFor();
  await start.waitForFunction(() => document.querySelector('.fit-thumb img')?.naturalWidth > 0);
  assert.ok((await pixels(start, card.locator('img'))).spread() > 10);
  assert.equal(await card.getAttribute('href'), `#/jobs/${job.id}`);
  start.blameless();
});

test('the test card is painted and uploaded; a file can be chosen by keyboard', async () => {
  const page = await openPage(service);
  await page.getByText('openapi.json').waitFor();
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.locator('#drop-file').press('Space')]);
  assert.equal(chooser.isMultiple(), false);
  await page.getByRole('button', { name: 'Upload a test card' }).click();
  await onDataset(page);
  await page.getByText('384 × 256 pixels').waitFor();
  await page.getByText('RGB', { exact: true }).waitFor();
  await previewIsSeen(page);
  page.blameless();
});

test('the start page is light', async () => {
  const page = await openPage(service);
  await page.getByText('openapi.json').waitFor();
  const bytes = await page.evaluate(() => performance.getEntriesByType('resource').filter((e) => e.name.endsWith('.js'))
    .reduce((sum, e) => sum + e.decodedBodySize, 0));
  assert.ok(bytes > 10000 && bytes < 300 * 1024, `${bytes} bytes of script`);
});

test('a volume and a mesh tell what they are', async () => {
  const page = await openPage(service);
  await page.locator('#drop-file').setInputFiles(service.sample('phantom3d', { size: 32, file: 'head.nii.gz' }));
  await onDataset(page);
  await page.getByText('32 × 32 × 32 voxels').waitFor();
  await page.getByText(/ mm$/).first().waitFor();
  await previewIsSeen(page);
  await page.goto(`${service.url}/#/`);
  await dropFile(page, '#drop', service.sample('shape', { size: 32, file: 'knot.ply' }));
  await onDataset(page);
  await page.getByText('Watertight').waitFor();
  await previewIsSeen(page);
  page.blameless();
});

test('an NPZ is asked for its kind, which its arrays suggest', async () => {
  const angles = Float32Array.from({ length: 12 }, (_, i) => (i * Math.PI) / 12);
  const sinogram = Float32Array.from({ length: 12 * 16 }, (_, i) => Math.exp(-(((i % 16) - 7.5) ** 2) / 8));
  const file = join(service.folder, 'scan.npz');
  writeFileSync(file, npz({ sinogram: { shape: [12, 16], data: sinogram }, angles: { shape: [12], data: angles } }));
  const page = await openPage(service);
  await dropFile(page, '#drop', file);
  await page.getByText('What is scan.npz?').waitFor();
  await page.getByText('Arrays in it: sinogram, angles').waitFor();
  assert.ok(await page.getByLabel('sinogram').isChecked());
  assert.deepEqual(await accessibilityFindings(page), []);
  await page.keyboard.press('Enter');
  await onDataset(page);
  await page.getByText('Projections', { exact: true }).waitFor();
  await page.locator('summary', { hasText: 'Measurement' }).waitFor(); /* it is ct's */
  page.blameless();
});

test('an NPY is asked for its kind, which its shape suggests', async () => {
  const page = await openPage(service);
  await dropFile(page, '#drop', service.sample('signal', { size: 64, file: 'noise.npy' }));
  await page.getByText('An array, 64').waitFor();
  assert.ok(await page.getByLabel('signal').isChecked());
  await page.getByRole('button', { name: 'Upload', exact: true }).click();
  await onDataset(page);
  await page.getByText('Samples').first().waitFor();
  page.blameless();
});

test('a file that is none is refused in words, and nothing remains', async () => {
  const before = (await service.ask('/v1/datasets')).items.length;
  const text = join(service.folder, 'letter.txt');
  writeFileSync(text, 'Dear field,\n');
  const broken = join(service.folder, 'half.png');
  writeFileSync(broken, readFileSync(service.sample('picture', { size: 48 })).subarray(0, 900));
  const page = await openPage(service);
  await dropFile(page, '#drop', text);
  await page.getByRole('alert').getByText('of no kind').waitFor();
  await dropFile(page, '#drop', broken);
  await page.getByRole('alert').getByText('cut short').waitFor();
  assert.ok(await page.getByText('Drop a file').isVisible());
  assert.deepEqual(await accessibilityFindings(page), []);
  assert.equal((await service.ask('/v1/datasets')).items.length, before);
  assert.match(page.url(), /#?\/$/);
});

test('a file over the limit is refused with both sizes', async () => {
  const small = await startService({ args: ['--upload-bytes', '20KiB'] });
  const page = await openPage(small);
  const file = small.sample('picture', { size: 300, file: 'big.png' });
  await dropFile(page, '#drop', file);
  await page.getByRole('alert').getByText(/'big.png' has .* takes at most 20.0 KiB/).waitFor();
  page.blameless(); /* it was not even sent */
  await small.stop();
});

test('with a token everything works, and the token is written nowhere', async () => {
  const guarded = await startService({ host: '0.0.0.0' });
  const token = /"dashboard":"[^"]*#token=([^"]+)"/.exec(guarded.log)[1];
  const page = await openPage(guarded, { path: `#token=${token}` });
  await page.getByText('None yet').waitFor();
  page.forgive(); /* the browser reports that the address alone was answered 401 */
  const file = guarded.sample('text', { size: 32, file: 'letters.png' });
  await dropFile(page, '#drop', file);
  await onDataset(page);
  await previewIsSeen(page);
  await estimated(page);
  assert.ok((await page.locator('.fit-command').textContent()).includes('Bearer $FARFIELD_TOKEN'));
  assert.ok(!(await page.content()).includes(token));
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download' }).click()]);
  assert.deepEqual(readFileSync(await download.path()), readFileSync(file));
  page.blameless();
  await guarded.stop();
});

test('a setting out of range is told beside its input, and mended', async () => {
  const dataset = await service.upload(service.sample('picture', { size: 48, file: 'b.png' }), 'image');
  const page = await openPage(service, { path: addressOf(dataset) });
  await page.getByLabel('gaussian').check();
  await page.getByText(/made for a grid/).waitFor();
  const sigma = page.getByLabel('Sigma', { exact: true });
  await sigma.fill('-1');
  await setting(page, '/field/encoding/sigma').getByRole('alert').getByText('(0, 10000]').waitFor();
  await page.getByText('One setting has to be mended').first().waitFor();
  assert.equal(await sigma.getAttribute('aria-invalid'), 'true');
  page.forgive(); /* the browser reports the 422 */
  await sigma.fill('6');
  await estimated(page);
  assert.equal(await setting(page, '/field/encoding/sigma').getByRole('alert').isVisible(), false);
  await page.getByRole('button', { name: 'Use these settings' }).click();
  const body = await bodyOf(page);
  assert.deepEqual(body.field.encoding, { type: 'gaussian', sigma: 6 });
  assert.equal(body.field.network.width, 128);
  assert.equal(body.dataset_id, dataset.id);
  page.blameless();
});

test('a link with settings fills the form; what the preset says as well is left out', async () => {
  const dataset = await service.upload(service.sample('phantom', { size: 32, file: 'p.png' }), 'image');
  const set = { field: { encoding: { type: 'positional', scale: 5 }, network: { width: 256 } }, train: { steps: 50 }, measure: { n_angles: 7 } };
  const query = { task: 'ct', preset: 'paper', set: JSON.stringify(set), labels: JSON.stringify({ series: 'a' }) };
  const page = await openPage(service, { path: addressOf(dataset, query) });
  await estimated(page);
  for (const name of ['ct', 'paper', 'positional']) assert.ok(await page.getByRole('radio', { name }).first().isChecked(), name);
  const body = await bodyOf(page);
  assert.deepEqual(body, {
    dataset_id: dataset.id, task: 'ct', preset: 'paper', field: { encoding: set.field.encoding }, train: set.train, measure: set.measure, labels: { series: 'a' },
  });
  await page.locator('summary', { hasText: 'Measurement' }).click();
  assert.equal(await page.getByLabel('Angles', { exact: true }).inputValue(), '7');
  await page.getByLabel("Angles: back to the preset's").click();
  await page.waitForURL((url) => !url.hash.includes('n_angles'));
  page.blameless();
});

test('the PSNR to expect is told before the start; where there is none, why; and what is over is not told', async () => {
  const dataset = await service.upload(service.sample('picture', { size: 64, file: 'ahead.png' }), 'image');
  const set = { field: { encoding: { sigma: 'auto' }, network: { width: 32 } }, train: { steps: 40, batch_size: 64 } };
  const body = { dataset_id: dataset.id, preset: 'paper', ...set };
  while ((await service.post('/v1/estimates', body)).estimate.seconds === null); /* waits for the machine to be measured */
  const { forecast, tuning } = await service.post('/v1/estimates?forecast=true', body);
  const end = (key) => forecast.series[key].at(-1)[1].toFixed(1);
  const page = await openPage(service, { path: addressOf(dataset, { preset: 'paper', set: JSON.stringify(set) }) });
  const expected = page.locator('.fit-expected');
  await expected.getByText(`≈ ${end('psnr')} dB (test ${end('test_psnr')})`, { exact: true }).waitFor();
  assert.equal(await expected.locator('dt').textContent(), 'Expected PSNR');
  await page.getByText(`A forecast, from the data; sigma ${tuning.sigma.chosen} would be chosen`).click();
  await page.locator('.fit-why .hint', { hasText: 'before training' }).waitFor();
  assert.deepEqual(await accessibilityFindings(page), []);

  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route('**/v1/estimates?forecast=true', async (route) => {
    await held;
    await route.continue().catch(() => {}); /* the page has let go of it */
  }, { times: 1 });
  await page.locator('summary', { hasText: 'Training' }).click();
  const asked = page.waitForRequest((r) => r.url().includes('forecast=true') && r.postData().includes('"seed":7'));
  await page.getByLabel('Seed', { exact: true }).fill('7');
  await asked;
  await page.getByText('Looking at the data').waitFor();
  await page.getByLabel('hashgrid').check();
  await page.getByText('No forecast of the PSNR').waitFor();
  release();
  await page.getByText("None is known for encoding 'hashgrid'").waitFor();
  assert.equal(await expected.isVisible(), false);
  await page.getByLabel('gaussian').check();
  await expected.getByText('≈').waitFor();
  page.blameless();
});

test('the progress of an upload is shown, and it can be stopped', async () => {
  const page = await openPage(service);
  const file = service.sample('picture', { size: 512, file: 'large.png' });
  const network = await page.context().newCDPSession(page);
  await network.send('Network.enable');
  await network.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 60000 });
  await dropFile(page, '#drop', file);
  await page.waitForFunction(() => {
    const bar = document.querySelector('.drop progress');
    return bar && bar.value > 0 && bar.value < 1;
  });
  await dropFile(page, '#drop', file);
  await page.getByText('One file after the other').waitFor();
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByText('Stopped. Nothing was kept.').waitFor();
  assert.ok(!(await service.ask('/v1/datasets')).items.some((d) => d.name === 'large.png'));
  page.blameless();
});

test('the settings of a job fill the form: what "auto" came to is kept, the preset is not repeated', async () => {
  const dataset = await service.upload(service.sample('picture', { size: 44, file: 'again.png' }), 'image');
  const { spec } = await service.post('/v1/estimates', { dataset_id: dataset.id, train: { steps: 30, seed: 7 } });
  const set = JSON.stringify({ field: spec.field, train: spec.train, measure: spec.measure });
  const page = await openPage(service, { path: addressOf(dataset, { set }) });
  await estimated(page);
  const body = await bodyOf(page);
  assert.equal(body.train.seed, 7);
  assert.equal(body.train.steps, 30);
  assert.equal(body.train.learning_rate, undefined);
  assert.equal(body.train.optimizer, undefined);
  assert.equal(body.field.network, undefined);
  assert.deepEqual((await service.post('/v1/estimates', body)).spec, spec);
  page.blameless();
});

test('what of a link makes no sense is told', async () => {
  const dataset = await service.upload(service.sample('picture', { size: 44, file: 'again.png' }), 'image');
  const page = await openPage(service, { path: addressOf(dataset, { task: 'shape', preset: 'best', set: '{"train":{"stepps":5}}', labels: '[' }) });
  await page.getByText("no task 'shape'").waitFor();
  await page.getByText("no preset 'best'").waitFor();
  await page.getByText("'labels' is not").waitFor();
  await page.getByRole('alert').getByText('/train/stepps').waitFor();
  page.forgive(); /* the 422 */
  await page.getByRole('button', { name: 'Back to the preset' }).click();
  await estimated(page);
  page.blameless();
});

test('a dataset is deleted after it was asked twice, and not under a job', async () => {
  const dataset = await service.upload(service.sample('text', { size: 32, file: 't.png' }), 'image');
  const job = await service.post('/v1/jobs', { dataset_id: dataset.id, train: { time_limit_seconds: 600 } });
  const page = await openPage(service, { path: addressOf(dataset) });
  await page.getByRole('button', { name: 'Delete …' }).click();
  await page.getByRole('button', { name: 'Keep as it is' }).click();
  await page.getByRole('button', { name: 'Delete …' }).click();
  await page.getByRole('button', { name: 'Delete it for good' }).click();
  await page.getByRole('alert').getByText('job').waitFor();
  await service.post(`/v1/jobs/${job.id}/cancel`, {});
  await service.ended(job.id);
  await page.getByRole('button', { name: 'Delete it for good' }).click();
  await page.waitForURL(/#\/datasets$/);
  assert.ok(!(await service.ask('/v1/datasets')).items.some((d) => d.id === dataset.id));
});

test('light, dark and narrow: nothing is hard to read or sticks out', async () => {
  const dataset = await service.upload(service.sample('picture', { size: 40, file: 'n.png' }), 'image');
  for (const [dark, width] of [[true, 1280], [false, 390]]) {
    for (const path of ['', addressOf(dataset)]) {
      const page = await openPage(service, { path, dark, width, height: 844 });
      await (path ? estimated(page) : page.getByText('openapi.json').waitFor());
      if (path) for (const name of ['Network', 'Training', 'Labels', 'The same from']) await page.locator('summary', { hasText: name }).click();
      assert.deepEqual(await accessibilityFindings(page), []);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${path} ${width}`);
      page.blameless();
      await page.close();
    }
  }
});
