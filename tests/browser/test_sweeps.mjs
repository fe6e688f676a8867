/* Sweeps: from the form to the table, the plot, and the ends of an axis as pictures. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessibilityFindings, closeBrowser, CUT, openPage, pixels, startService, steps } from './harness.mjs';

let service;
let picture;
const small = { field: { network: { n_hidden_layers: 2, width: 32 } }, train: { steps: steps(150), batch_size: 256 } };

before(async () => {
  service = await startService();
  picture = await service.upload(service.sample('picture', { size: 48, file: 'balloons.png' }), 'image');
});
after(async () => {
  await closeBrowser();
  await service.stop();
});

const form = (more) => `#/sweeps?${new URLSearchParams({ new: 1, dataset: picture.id, preset: 'paper', set: JSON.stringify(small), ...more })}`;
const figure = (page, name) => page.locator('.sweep-row figure').filter({ hasText: name });
const idOf = (page) => /swp_\w+/.exec(page.url())[0];

test('a sweep of sigma, from the form to its ends as pictures', async () => {
  const page = await openPage(service, { path: form() });
  await page.getByLabel('Setting').selectOption('/field/encoding/sigma');
  await page.getByText('has no values yet').waitFor();
  assert.ok(await page.getByRole('button', { name: 'Start the sweep' }).isDisabled());
  await page.getByLabel('From').fill('1');
  await page.getByLabel('to', { exact: true }).fill('64');
  await page.getByLabel('in', { exact: true }).fill('3');
  await page.getByRole('button', { name: 'Fill in' }).click();
  assert.equal(await page.getByLabel('Values', { exact: true }).inputValue(), '1, 8, 64');
  await page.getByText('3 jobs').waitFor();
  await page.getByText(/About .* of this machine/).waitFor();
  assert.match(decodeURIComponent(page.url()), /grid=\{"\/field\/encoding\/sigma":\[1,8,64\]\}/);
  await page.getByLabel('Name').fill('bandwidth');
  await page.getByRole('button', { name: 'Start the sweep' }).click();

  await page.getByRole('heading', { name: 'bandwidth' }).waitFor();
  await page.getByText('3 of 3 jobs succeeded').waitFor();
  const cells = (await service.ask(`/v1/sweeps/${idOf(page)}`)).cells;
  const rows = page.locator('.sweep-table tbody tr');
  assert.equal(await rows.count(), 3);
  await page.getByText('★ best').waitFor();
  await page.getByRole('button', { name: 'test PSNR, dB' }).click();
  const best = Math.max(...cells.map((c) => c.metrics.test_psnr.mean));
  assert.equal(await rows.first().locator('td').first().textContent(), best.toFixed(2));
  assert.match(page.url(), /sort=-test_psnr/);
  await page.getByRole('img', { name: /PSNR, dB, over σ/ }).locator('canvas').waitFor();
  assert.ok((await pixels(page, page.locator('.sweep-split .chart'))).spread() > 3, 'curves are drawn');

  await figure(page, 'σ 1 ').locator('img').waitFor();
  await figure(page, 'σ 64').locator('img').waitFor();
  const [low, high] = [await pixels(page, figure(page, 'σ 1 ').locator('img')), await pixels(page, figure(page, 'σ 64').locator('img'))];
  const rough = ({ width, height, at }) => {
    let sum = 0;
    for (let y = 4; y < height - 4; y += 3) for (let x = 4; x < width - 5; x++) sum += Math.abs(at(x + 1, y)[1] - at(x, y)[1]);
    return sum;
  };
  assert.ok(low.spread() > 5 && rough(high) > 2 * rough(low), 'one end is smooth, the other is noise between the samples');
  if (CUT === 1) await figure(page, 'σ 64').getByText('overfitted').waitFor();
  assert.match(await page.getByRole('link', { name: 'Compare, zoom linked' }).getAttribute('href'), /^#\/compare\?fields=fld_\w+%2Cfld_\w+/);

  const map = page.getByRole('application');
  await map.focus();
  const asked = page.waitForResponse((r) => /bbox=0\.2/.test(r.url()) && r.ok());
  for (let i = 0; i < 2; i++) await map.press('+');
  await asked;
  assert.match(page.url(), /zoom=2/);
  const again = await openPage(service, { path: page.url().split('/').slice(3).join('/') });
  await again.waitForResponse((r) => /bbox=0\.25/.test(r.url()) && r.ok());
  assert.deepEqual(await accessibilityFindings(again), []);

  const waiting = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Download as CSV' }).click();
  assert.match((await waiting).suggestedFilename(), /\.csv$/);
  await page.blameless();
  await again.blameless();
});

test('four mappings from one button: side by side, and as bars', async () => {
  const page = await openPage(service, { path: `#/sweeps?new=1&dataset=${picture.id}`, dark: true });
  await page.getByRole('button', { name: 'Four mappings' }).click();
  await page.getByText('4 jobs').waitFor();
  assert.equal(await page.getByRole('spinbutton', { name: 'Steps' }).inputValue(), '250');
  await page.getByRole('spinbutton', { name: 'Steps' }).fill(String(steps(30)));
  await page.getByRole('spinbutton', { name: 'Steps' }).blur();
  await page.getByText('All settings').click();
  await page.locator('summary').filter({ hasText: 'Training' }).click();
  await page.getByRole('textbox', { name: 'Batch size' }).fill('256');
  await page.waitForFunction(() => decodeURIComponent(location.hash).includes('"batch_size":256'));
  assert.deepEqual(await accessibilityFindings(page), []);
  await page.getByRole('button', { name: 'Start the sweep' }).click();
  await page.getByText('4 of 4 jobs succeeded').waitFor();
  for (const name of ['none', 'basic', 'positional', 'gaussian']) await figure(page, name).locator('img').waitFor();
  assert.equal(await page.locator('.sweep-bars li').count(), 4);
  assert.deepEqual(await accessibilityFindings(page), []);
  assert.match((await service.ask(`/v1/sweeps/${idOf(page)}`)).base.preset, /paper/);

  await page.getByRole('button', { name: 'Delete…' }).click();
  await page.getByText('Delete it with its jobs?').waitFor();
  const id = idOf(page);
  await page.getByRole('button', { name: 'Delete the sweep' }).click();
  await page.getByRole('heading', { name: 'Sweeps' }).waitFor();
  await page.locator(`tr[data-id="${id}"]`).waitFor({ state: 'detached' });
  await page.blameless();
});

test('a running sweep is followed, and canceled after one question', async () => {
  const base = { preset: 'paper', train: { steps: 10000000, batch_size: 1024 } };
  const sweep = await service.post('/v1/sweeps', { dataset_ids: [picture.id], base, grid: { '/train/learning_rate': [0.001, 0.01], '/train/seed': [0, 1] } });
  const page = await openPage(service, { path: `#/sweeps/${sweep.id}` });
  await page.getByText(/0 of 4 jobs succeeded/).waitFor();
  await page.getByText('Nothing measured yet').waitFor();
  await page.getByRole('button', { name: 'Cancel…' }).click();
  await page.getByRole('button', { name: 'Keep as it is' }).click();
  await page.getByRole('button', { name: 'Cancel…' }).click();
  await page.getByRole('button', { name: 'Cancel the sweep' }).click();
  await page.getByText(/4 canceled/).waitFor();
  await page.getByRole('button', { name: 'Delete…' }).waitFor();
  await page.getByRole('link', { name: 'Again, changed' }).click();
  await page.locator('fieldset.axis').nth(1).waitFor();
  await page.getByText('4 jobs').waitFor();
  assert.equal(await page.locator('fieldset.axis').count(), 2);
  await page.blameless();
});

test('a sweep over shapes is seen by one camera', async () => {
  const shape = await service.upload(service.sample('shape', { size: 24, file: 'shape.obj' }), 'shape');
  const base = { train: { steps: steps(100), batch_size: 2048 }, measure: { pool: 50000 } };
  const sweep = await service.post('/v1/sweeps', { dataset_ids: [shape.id], base, grid: { '/field/encoding/n_levels': [2, 4] } });
  for (const { job_ids: [id] } of sweep.cells) await service.ended(id);
  const page = await openPage(service, { path: `#/sweeps/${sweep.id}` });
  for (const name of ['levels 2', 'levels 4']) {
    await figure(page, name).locator('img').waitFor();
    assert.ok((await pixels(page, figure(page, name).locator('img'))).spread() > 5, 'the shape is seen');
  }
  await page.blameless();
});

test('what is wrong is said where it is wrong, before anything starts', async () => {
  const page = await openPage(service, { path: form({ grid: JSON.stringify({ '/field/encoding/sigma': [1, 2] }) }) });
  await page.getByText('2 jobs').waitFor();
  await page.getByLabel('Values', { exact: true }).fill('1, 1');
  await page.getByText('stands there twice').waitFor();
  await page.getByLabel('Values', { exact: true }).fill('1, -3');
  await page.locator('.axis [role="alert"]').filter({ hasText: 'sigma' }).waitFor();
  await page.getByLabel('From').fill('1');
  await page.getByLabel('to', { exact: true }).fill('9999');
  await page.getByLabel('in', { exact: true }).fill('1000');
  await page.getByRole('button', { name: 'Fill in' }).click();
  await page.getByRole('button', { name: 'Add a setting that varies' }).click();
  await page.getByLabel('Setting').nth(1).selectOption('/train/seed');
  await page.getByLabel('Values', { exact: true }).nth(1).fill('0, 1');
  await page.getByText(/at most 1,000/).waitFor();
  assert.ok(await page.getByRole('button', { name: 'Start the sweep' }).isDisabled());
  page.forgive(); /* the browser reports the 422 */
});

test('a range and what an address gives keep all their digits', async () => {
  const page = await openPage(service, { path: form({ grid: JSON.stringify({ '/train/seed': [123456, 123457] }) }) });
  const values = page.getByLabel('Values', { exact: true });
  await page.getByText('2 jobs').waitFor();
  assert.equal(await values.inputValue(), '123456, 123457');
  await page.getByLabel('Setting').selectOption('/train/steps');
  await page.getByLabel('From').fill('1000');
  await page.getByLabel('to', { exact: true }).fill('262144');
  await page.getByLabel('in', { exact: true }).fill('3');
  await page.getByRole('button', { name: 'Fill in' }).click();
  assert.equal(await values.inputValue(), '1000, 16191, 262144');
  assert.match(decodeURIComponent(page.url()), /\[1000,16191,262144\]/);
  await page.blameless();
});

test('on a phone the form and the sweep fit', async () => {
  const { items } = await service.ask('/v1/sweeps');
  const page = await openPage(service, { path: form({ grid: JSON.stringify({ '/field/encoding/sigma': [1, 2] }) }), width: 390, height: 844 });
  const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
  await page.getByText('2 jobs').waitFor();
  await page.getByText('All settings').click();
  assert.ok(await fits(), 'the form');
  for (const { id } of items) {
    await page.goto(`${service.url}/#/sweeps/${id}`);
    await page.locator('.sweep-table').waitFor();
    assert.ok(await fits(), id);
  }
  await page.blameless();
});
