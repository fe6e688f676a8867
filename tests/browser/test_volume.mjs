/* A volume by three linked slices. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessibilityFindings, closeBrowser, openPage, pixels, startService, steps } from './harness.mjs';

let service;
let field;
before(async () => {
  service = await startService();
  const dataset = await service.upload(service.sample('phantom3d', { size: 24 }), 'volume', 'phantom.nii.gz');
  const job = await service.fit({ dataset_id: dataset.id, train: { steps: steps(150) } });
  field = await service.ask(`/v1/fields/${job.field_id}`);
});
after(async () => {
  await closeBrowser();
  await service.stop();
});

const slice = (page, axis) => page.locator(`canvas[data-axis="${axis}"]`);
const isSharp = (page, axes = 'xyz') => page.waitForFunction((axes) => [...axes].every((a) => document.querySelector(`canvas[data-axis="${a}"]`)?.dataset.stage === 'sharp'), axes);
const open = async (query = '', options = {}) => {
  const page = await openPage(service, { path: `#/fields/${field.id}${query}`, ...options });
  await isSharp(page, options.width < 640 ? 'z' : 'xyz');
  return page;
};
const crosshair = (page) => page.locator('input[type="range"][data-axis]').evaluateAll((inputs) => inputs.map((i) => Number(i.value)));

/* What a canvas holds, and what the service gives for the same plane. */
async function compare(page, axis, query) {
  const { width, height, bytes } = await slice(page, axis).evaluate((c) => ({ width: c.width, height: c.height, bytes: Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data) }));
  const path = `/v1/fields/${field.id}/slice?axis=${axis}&${query}&width=${width}&height=${height}&orientation=upright&format=png`;
  const expected = await page.evaluate(async (path) => {
    const bitmap = await createImageBitmap(await (await fetch(path)).blob());
    const g = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    g.drawImage(bitmap, 0, 0);
    return Array.from(g.getImageData(0, 0, bitmap.width, bitmap.height).data);
  }, path);
  assert.equal(bytes.length, expected.length);
  const worst = bytes.reduce((most, v, i) => Math.max(most, Math.abs(v - expected[i])), 0);
  assert.ok(worst <= 1, `slice ${axis} is off by ${worst}`);
  return { width, bytes };
}

test('the slices are those of the service, pixel by pixel, and are seen as they are', async () => {
  const page = await open('?x=10&y=-20&z=30');
  const { width } = await compare(page, 'z', 'pos=30');
  assert.ok(width > 200, `only ${width} pixels`);
  await compare(page, 'x', 'pos=10');
  await compare(page, 'y', 'pos=-20');
  const seen = await pixels(page, slice(page, 'z'));
  assert.ok(seen.spread() > 20);
  page.blameless();
});

test('a click in one slice moves the two others, and the value there is read', async () => {
  const page = await open();
  const before = await crosshair(page);
  const box = await slice(page, 'z').boundingBox();
  const asked = ['x', 'y'].map((axis) => page.waitForResponse((r) => r.url().includes(`/slice?axis=${axis}`)));
  await slice(page, 'z').click({ position: { x: 0.3 * box.width, y: 0.4 * box.height } });
  await Promise.all(asked);
  await isSharp(page);
  const after = await crosshair(page);
  assert.deepEqual([after[0] < before[0], after[1] > before[1], after[2]], [true, true, before[2]]);

  const query = new URLSearchParams(await page.waitForFunction(() => location.hash.includes('z=') && location.hash.split('?')[1]).then((h) => h.jsonValue()));
  const { value } = await service.ask(`/v1/fields/${field.id}/value?x=${query.get('x')}&y=${query.get('y')}&z=${query.get('z')}`);
  await page.waitForFunction((v) => document.querySelector('output[data-value]')?.dataset.value === v, JSON.stringify(value));
  await compare(page, 'x', `pos=${query.get('x')}`);
  page.blameless();
});

test('a drag is followed coarsely and then sharply; the wheel goes through slices', async () => {
  const page = await open();
  await page.evaluate(() => {
    window.stages = [];
    new MutationObserver(([m]) => window.stages.push(m.target.dataset.stage)).observe(document.querySelector('canvas[data-axis="y"]'), { attributeFilter: ['data-stage'] });
  });
  const box = await slice(page, 'x').boundingBox();
  await page.mouse.move(box.x + 0.5 * box.width, box.y + 0.5 * box.height);
  await page.mouse.down();
  for (let i = 1; i <= 8; i++) await page.mouse.move(box.x + (0.5 + 0.03 * i) * box.width, box.y + (0.5 - 0.03 * i) * box.height);
  await page.mouse.up();
  await page.waitForFunction(() => window.stages.includes('coarse') && window.stages.at(-1) === 'sharp');
  const [, , z] = await crosshair(page);
  const [x] = await crosshair(page);
  await page.mouse.wheel(0, -80);
  await page.waitForFunction((x) => Number(document.querySelector('input[data-axis="x"]').value) === x + 2, x);
  assert.equal((await crosshair(page))[2], z);
  page.blameless();
});

test('by keys alone: arrows, page up, and the sliders', async () => {
  const page = await open();
  const [x, y, z] = await crosshair(page);
  await slice(page, 'z').focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('PageUp');
  assert.deepEqual(await crosshair(page), [x + 1, y + 1, z + 1]);
  await page.keyboard.press('0');
  assert.deepEqual(await crosshair(page), [x, y, z]);
  await page.locator('input[data-axis="y"]').focus();
  await page.keyboard.press('Home');
  assert.deepEqual(await crosshair(page), [x, 0, z]);
  page.blameless();
});

test('an address says place, plane and brightness, and brings them back', async () => {
  const page = await openPage(service, { path: `#/fields/${field.id}?x=12&y=-34&z=5&low=0.1&high=0.4&plane=x` });
  await isSharp(page, 'x');
  assert.deepEqual([await slice(page, 'x').isVisible(), await slice(page, 'y').isVisible()], [true, false]);
  const bright = (await pixels(page, slice(page, 'x'))).mean()[1];
  await page.getByRole('button', { name: 'Whole range' }).click();
  assert.ok((await pixels(page, slice(page, 'x'))).mean()[1] < bright - 5);
  await page.getByLabel('White at').fill('250');
  await page.waitForFunction(() => location.hash.includes('high=0.5') && !location.hash.includes('low'));
  await page.locator('input[data-axis="z"]').press('ArrowRight');
  await page.waitForFunction(() => /x=12&y=-34&z=(?!5&)/.test(location.hash));
  const address = page.url();
  await page.reload();
  await isSharp(page, 'x');
  assert.equal(page.url(), address);
  page.blameless();
});

test('nothing for a screen reader to stumble on, light and dark; a phone shows one slice at a time', async () => {
  for (const dark of [false, true]) {
    const page = await open('', { dark });
    assert.deepEqual(await accessibilityFindings(page), []);
  }
  const page = await open('', { width: 390 });
  assert.deepEqual([await slice(page, 'x').isVisible(), await slice(page, 'z').isVisible()], [false, true]);
  await page.getByRole('button', { name: 'Across x', exact: true }).click();
  await isSharp(page, 'x');
  assert.deepEqual([await slice(page, 'x').isVisible(), await slice(page, 'z').isVisible()], [true, false]);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  page.blameless();
});
