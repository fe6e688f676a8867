/* Shapes and scenes by a camera. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { accessibilityFindings, answered, closeBrowser, data, drawn, openPage, pixels, startService, steps } from './harness.mjs';

let service;
let scene;
let shape;
/* Enough to be seen. */
async function fit(file, kind, settings) {
  const dataset = await service.upload(file, kind);
  const job = await service.fit({ dataset_id: dataset.id, train: { steps: steps(80), batch_size: 4096 }, ...settings });
  return job.field_id;
}
before(async () => {
  service = await startService();
  shape = await fit(service.sample('shape', { size: 24 }), 'shape', { measure: { pool: 50000 } });
  scene = await fit(service.sample('views', { size: 32 }), 'views', { measure: { downscale: 2 } });
});
after(async () => {
  await closeBrowser();
  await service.stop();
});

const canvas = (page) => page.locator('.sight canvas');
const isAt = (page, stages) => page.waitForFunction((stages) => stages.includes(document.querySelector('.sight canvas')?.dataset.stage), stages);
const isSharp = (page) => isAt(page, ['sharp', 'sharpest']);
const open = async (id, query = '', options = {}) => {
  const page = await openPage(service, { path: `#/fields/${id}${query}`, width: 700, height: 400, ...options }); /* small: renders take time */
  await isSharp(page);
  return page;
};
const contents = (page) => drawn(canvas(page));
const difference = (a, b) => a.reduce((sum, v, i) => sum + Math.abs(v - b[i]), 0) / a.length;

const drag = async (page, right, down, steps = 6) => {
  await canvas(page).scrollIntoViewIfNeeded();
  const box = await canvas(page).boundingBox();
  const at = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.move(...at);
  await page.mouse.down();
  for (let i = 1; i <= steps; i++) await page.mouse.move(at[0] + (right * box.width * i) / steps, at[1] + (down * box.height * i) / steps);
  await page.mouse.up();
};

async function orbitAndCompare(id) {
  const page = await open(id);
  const before = await contents(page);
  const coarse = page.waitForFunction(() => document.querySelector('.sight canvas').dataset.stage === 'coarse');
  await drag(page, 0.3, 0.1);
  await coarse;
  await isSharp(page);
  await page.waitForFunction(() => location.hash.includes('eye='));
  const { width: side, bytes } = await contents(page);
  assert.ok(side > 100, `${side} pixels`);
  const camera = await import(join(import.meta.dirname, '../../api/dashboard/views/camera.js'));
  const query = new URLSearchParams(page.url().split('?')[1]);
  const { bytes: expected } = await answered(page, `/v1/fields/${id}/render`, { camera: camera.toRequest(camera.fromQuery(query)), width: side, height: side });
  assert.ok(difference(bytes, expected) < 0.5, `another picture than the service's: off by ${difference(bytes, expected)}`);
  if (before.width === side) assert.ok(difference(bytes, before.bytes) > 1);
  const seen = await pixels(page, canvas(page));
  assert.ok(seen.spread() > 5);
  page.blameless();
}

test('a drag turns a scene: coarse frames, then a sharp one that is the service’s own', () => orbitAndCompare(scene));

test('a drag turns a shape likewise', () => orbitAndCompare(shape));

test('lego from its own cameras', { skip: !data }, async () => {
  const page = await open(await fit(join(data, 'views/lego_100x100.npz'), 'views', { measure: { downscale: 4 } })); /* fog is slow to evaluate */
  await page.getByText('of 106').waitFor();
  const frame = page.waitForResponse((r) => r.url().endsWith('/render') && r.request().postDataJSON().width <= 100);
  await page.getByRole('button', { name: 'Next camera' }).click();
  const { camera } = (await frame).request().postDataJSON();
  assert.ok(Math.abs(camera.fov_degrees - 39.6) < 0.1);
  assert.ok(Math.abs(Math.hypot(...camera.look_at.eye) - 4.03) < 0.02);
  assert.deepEqual(camera.look_at.up, [0, 0, 1]);
  await isSharp(page);
  assert.ok((await pixels(page, canvas(page))).spread() > 5);
  page.blameless();
});

test('standing where a camera of the data stood, with what it saw beside it', async () => {
  const page = await open(scene);
  await page.getByLabel('Camera of the data, by its number').fill('3');
  await page.getByLabel('Camera of the data, by its number').press('Enter');
  const photo = page.getByRole('img', { name: 'The data’s picture 3' });
  await photo.waitFor();
  await page.waitForFunction(() => document.querySelector('.photo img').naturalWidth === 32);
  await canvas(page).press('ArrowLeft');
  await photo.waitFor({ state: 'hidden' });
  page.blameless();
});

test('depth has a legend in source units; normals and opacity are pictures; a point tells how far it is', async () => {
  const page = await open(shape);
  const color = await contents(page);
  await page.getByRole('button', { name: 'Depth' }).click();
  await page.getByText(/^[\d.]+ units$/).first().waitFor();
  await isSharp(page);
  const [near, far] = (await page.locator('.depth-legend span').allTextContents()).map(parseFloat);
  assert.ok(near > 0 && far > near);
  assert.ok(page.url().includes('output=depth'));
  assert.ok(difference(color.bytes.slice(0, 40000), (await contents(page)).bytes.slice(0, 40000)) > 1);

  const box = await canvas(page).boundingBox();
  const bright = (await contents(page));
  const solid = bright.bytes.findIndex((v, i) => i % 4 === 3 && v === 255 && i > bright.bytes.length / 2);
  const [x, y] = [((solid - 3) / 4) % bright.width, Math.floor((solid - 3) / 4 / bright.width)];
  await canvas(page).hover({ position: { x: ((x + 2) / bright.width) * box.width, y: ((y + 0.5) / bright.width) * box.height } });
  await page.getByText(/ units away/).waitFor();
  await page.locator('output[data-value]').waitFor();

  for (const name of ['Normals', 'Opacity']) {
    const answer = page.waitForResponse((r) => r.url().endsWith('/render'));
    await page.getByRole('button', { name }).click();
    await answer;
    await isSharp(page);
    assert.ok((await pixels(page, canvas(page))).spread() > 3, name);
  }
  page.blameless();
});

test('by keys alone, and back by 0; the address brings the camera back', async () => {
  const page = await open(scene);
  const first = await contents(page);
  await canvas(page).focus();
  await canvas(page).evaluate((c) => delete c.dataset.stage);
  for (const key of ['ArrowLeft', 'ArrowUp', 'Shift+ArrowRight', '+', '-', '+']) await page.keyboard.press(key);
  await page.waitForFunction(() => location.hash.includes('eye='));
  await isSharp(page);
  const moved = await contents(page);
  if (first.width === moved.width) assert.ok(difference(first.bytes, moved.bytes) > 1);
  const address = page.url();
  await page.reload();
  await isSharp(page);
  assert.equal(page.url(), address);
  const again = await contents(page);
  if (again.width === moved.width) assert.ok(difference(again.bytes, moved.bytes) < 0.5);
  await canvas(page).evaluate((c) => delete c.dataset.stage);
  await canvas(page).press('0');
  await isSharp(page);
  const back = await contents(page);
  if (back.width === first.width) assert.deepEqual(back.bytes, first.bytes);
  page.blameless();
});

test('another axis upwards turns the picture', async () => {
  const page = await open(shape);
  const frame = page.waitForResponse((r) => r.url().endsWith('/render'));
  await page.getByLabel('Up').selectOption('z');
  assert.deepEqual((await frame).request().postDataJSON().camera.look_at.up, [0, 0, 1]);
  page.blameless();
});

test('nothing for a screen reader to stumble on, light and dark; a phone has room for it', async () => {
  for (const dark of [false, true]) {
    const page = await open(scene, '?output=depth', { dark });
    assert.deepEqual(await accessibilityFindings(page), []);
  }
  const page = await open(scene, '', { width: 390 });
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  page.blameless();
});
