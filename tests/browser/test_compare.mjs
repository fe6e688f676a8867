/* Fields side by side: linked, told apart in words, from the address, from the list, or from one button. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessibilityFindings, closeBrowser, openPage, pixels, startService, steps } from './harness.mjs';

const ENCODINGS = [{ type: 'none' }, { type: 'basic' }, { type: 'gaussian', sigma: 3, n_frequencies: 32 }, { type: 'gaussian', sigma: 30, n_frequencies: 32 }];
const NETWORK = { n_hidden_layers: 1, width: 32 };
let service;
let dataset;
let fields;
let volumes;

before(async () => {
  service = await startService();
  dataset = await service.upload(service.sample('picture', { size: 48, file: 'picture.png' }), 'image');
  const head = await service.upload(service.sample('phantom3d', { size: 16, file: 'head.nii.gz' }), 'volume');
  const fit = async (dataset_id, encoding) => (await service.fit({ dataset_id, preset: 'paper', field: { encoding, network: NETWORK }, train: { steps: steps(60), batch_size: 576 } })).field_id;
  fields = [];
  for (const encoding of ENCODINGS) fields.push(await fit(dataset.id, encoding));
  volumes = [await fit(head.id, ENCODINGS[0]), await fit(head.id, ENCODINGS[2])];
});
after(async () => {
  await closeBrowser();
  await service.stop();
});

const openCompare = (ids, { query = '', ...options } = {}) => openPage(service, { path: `#/compare${ids.length ? `?fields=${ids.join(',')}${query}` : ''}`, ...options });

/* All panes at one place, of a zoom of at least so much, with all of their tiles. */
async function linked(page, count, least) {
  await page.waitForFunction(({ count, least }) => {
    const panes = Array.from(document.querySelectorAll('.pane')).filter((p) => p.offsetParent);
    const places = new Set(panes.map((p) => `${Number(p.dataset.x).toFixed(1)} ${Number(p.dataset.y).toFixed(1)} ${Number(p.dataset.zoom).toPrecision(3)}`));
    return panes.length === count && places.size === 1 && panes[0].dataset.zoom >= least && panes.every((p) => p.getAttribute('aria-busy') !== 'true');
  }, { count, least });
}

test('four fields and the original are moved by moving one, and said to differ in what they differ in', async () => {
  const page = await openCompare(fields);
  await linked(page, 5, 1);
  assert.equal(await page.locator('.psnr', { hasText: 'dB' }).count(), 4);
  const bold = await page.locator('.differing').nth(2).locator('strong').allTextContents();
  assert.ok(bold.includes('gaussian') && bold.some((t) => t.startsWith('σ 3')), bold.join('|'));
  assert.ok(!bold.some((t) => /wide|relu/.test(t)), bold.join('|'));
  const before = Number(await page.locator('.pane').nth(2).getAttribute('data-zoom'));
  const box = await page.locator('.pane').nth(2).boundingBox();
  await page.mouse.move(box.x + box.width / 4, box.y + box.height / 4);
  await page.mouse.wheel(0, -400);
  await page.waitForFunction((before) => document.querySelectorAll('.pane')[2].dataset.zoom > 1.2 * before, before);
  await linked(page, 5, 1.2 * before);
  await page.locator('.pane').nth(4).focus();
  await page.keyboard.press('+');
  await page.keyboard.press('ArrowDown');
  await linked(page, 5, 1.5 * before);
  await page.locator('figure output', { hasText: '(' }).nth(3).waitFor();
  const spreads = [];
  for (const i of [1, 4]) spreads.push((await pixels(page, page.locator('.pane').nth(i))).spread());
  assert.ok(spreads[1] > spreads[0], `plain coordinates learn less than many frequencies: ${spreads}`);

  await page.waitForFunction(() => /zoom=/.test(location.hash));
  const address = new URL(page.url()).hash;
  const zoom = Number(new URLSearchParams(address.split('?')[1]).get('zoom'));
  const again = await openPage(service, { path: address });
  await linked(again, 5, 0.99 * zoom);
  await again.getByRole('checkbox', { name: 'Original' }).uncheck();
  await linked(again, 4, 0.99 * zoom);
  await again.getByRole('button', { name: 'Take this field out' }).first().click();
  await linked(again, 3, 0.99 * zoom);
  page.blameless();
  again.blameless();
});

test('one field and an original that cannot be had leave the others alone, and it is said', async () => {
  const context = (await openPage(service)).context();
  await context.route(new RegExp(`/dzi/${fields[1]}_files/`), (route) => route.fulfill({ status: 404, body: '' }));
  await context.route(`**/v1/datasets/${dataset.id}/content`, (route) => route.fulfill({ status: 503, body: '' }));
  const page = await openCompare(fields, { context });
  await page.getByText('Field 2: a part of it could not be had.').waitFor();
  await page.getByText('The original: the service answered 503').waitFor();
  await page.waitForFunction(() => document.querySelectorAll('.pane').length === 4);
  await page.waitForFunction(() => [0, 2, 3].every((i) => document.querySelectorAll('.pane')[i].getAttribute('aria-busy') === 'false'));
  assert.ok((await pixels(page, page.locator('.pane').nth(3))).spread() > 4);
  await context.unroute(`**/v1/datasets/${dataset.id}/content`);
  const original = page.getByRole('checkbox', { name: 'Original' });
  for (let i = 0; i < 3; i++) await original.click(); /* off, on, off, faster than it comes */
  await original.check();
  await page.waitForFunction(() => document.querySelectorAll('.pane').length === 5);
  assert.equal(await page.getByText('The original: the service').count(), 0);
  page.forgive();
});

test('a slice that is refused is told, and the next one comes', async () => {
  const page = await openCompare(volumes);
  await linked(page, 2, 1);
  await page.route(`**/v1/fields/${volumes[0]}/slice*`, (route) => route.fulfill({ status: 503, body: '' }));
  await page.getByLabel('at', { exact: true }).focus();
  await page.keyboard.press('ArrowLeft');
  await page.getByText('Field 1: the service answered 503').waitFor();
  await page.unroute(`**/v1/fields/${volumes[0]}/slice*`);
  const slice = page.waitForResponse((r) => r.url().includes(`${volumes[0]}/slice`) && r.status() === 200);
  await page.keyboard.press('ArrowLeft');
  await slice;
  await page.getByText('Field 1: the service').waitFor({ state: 'hidden' });
  page.forgive();
});

test('fields are chosen from the list of those of one dataset', async () => {
  const page = await openCompare([]);
  await page.getByLabel('Dataset').selectOption({ label: 'picture.png, 4 fields' });
  const start = page.getByRole('button', { name: 'Compare these' });
  assert.ok(await start.isDisabled());
  for (const i of [0, 3]) await page.locator('.pick input').nth(i).check();
  await start.click();
  await linked(page, 3, 1);
  page.blameless();
});

test('volumes are compared by one slice', async () => {
  const page = await openCompare(volumes);
  await linked(page, 2, 1);
  assert.ok((await pixels(page, page.locator('.pane').nth(1))).spread() > 4);
  const slices = [0, 1].map((i) => page.waitForResponse((r) => r.url().includes(`${volumes[i]}/slice?axis=z&pos=0.5`) === false && r.url().includes(`${volumes[i]}/slice?axis=z`)));
  await page.getByLabel('at', { exact: true }).focus();
  await page.keyboard.press('ArrowLeft');
  for (const slice of slices) assert.match((await slice).url(), /pos=0\.495/);
  await page.getByLabel('Across axis').selectOption('x');
  await page.waitForFunction(() => /axis=x/.test(location.hash));
  await linked(page, 2, 1);
  page.blameless();
});

test('four mappings of a picture are fitted from one button and seen as they learn', async () => {
  const page = await openCompare([]);
  const form = page.getByRole('region', { name: 'Four mappings' });
  await form.getByRole('combobox', { name: 'Picture' }).selectOption({ label: 'picture.png' });
  await form.getByText('About').waitFor();
  await form.getByRole('combobox', { name: 'Steps' }).selectOption('2000');
  await form.getByRole('button', { name: 'Fit the four mappings' }).click();
  await page.getByText('learning, step').first().waitFor();
  for (const [i, name] of ['none', 'basic', 'positional', 'gaussian'].entries()) {
    assert.match(await page.locator('.differing').nth(i).textContent(), new RegExp(`^${name}`));
  }
  await page.waitForFunction(() => document.querySelectorAll('.pane').length === 2);
  const { items } = await service.ask('/v1/sweeps');
  assert.equal(items[0].n_jobs, 4);
  await service.post(`/v1/sweeps/${items[0].id}/cancel`, {});
  await page.getByText('there is no field').first().waitFor();
  page.forgive(); /* the browser reports the 404 of fields that came to nothing */
});

test('nothing serious is found by axe, in light and dark, and a narrow page does not scroll sideways', async () => {
  for (const dark of [false, true]) {
    const page = await openCompare(dark ? fields : [...fields.slice(0, 2), 'fld_00000000000000000000000000'], { dark, width: dark ? 390 : 1280 });
    await linked(page, dark ? 5 : 3, 1);
    if (!dark) await page.getByText('cannot be shown here').waitFor();
    assert.deepEqual(await accessibilityFindings(page), []);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    await page.close();
  }
});
