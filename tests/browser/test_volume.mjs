/* A volume by three linked slices. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { accessibilityFindings, answered, closeBrowser, drawn, openPage, pixels, startService, steps } from './harness.mjs';

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
  const { width, height, bytes } = await drawn(slice(page, axis));
  const { bytes: expected } = await answered(page, `/v1/fields/${field.id}/slice?axis=${axis}&${query}&width=${width}&height=${height}&orientation=upright&format=png`);
  assert.equal(bytes.length, expected.length);
  const worst = bytes.reduce((most, v, i) => Math.max(most, Math.abs(v - expected[i])), 0);
  assert.ok(worst <= 1, `slice ${axis} is off by ${worst}`);
  return width;
}

test('the slices are those of the service, pixel by pixel, and are seen as they are', async () => {
  const page = await open('?x=10&y=-20&z=30');
  const width = await compare(page, 'z', 'pos=30');
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
  assert.equal(await page.getByLabel('White at').inputValue(), '250');
  page.blameless();
});

test('the data’s own voxels stand where the field has them', async () => {
  const page = await open('?x=10&y=-20&z=30');
  const levels = async () => (await drawn(slice(page, 'z'))).bytes.filter((_, i) => i % 4 === 0);
  const learned = await levels();
  await page.getByRole('button', { name: 'The data’s own voxels' }).click();
  await page.waitForFunction(() => document.querySelector('canvas[data-axis="z"]').width === 24);
  assert.ok(page.url().includes('of=data'));
  const own = await levels();
  const side = Math.sqrt(learned.length);
  const there = Array.from(own, (_, i) => learned[Math.floor(((Math.floor(i / 24) + 0.5) * side) / 24) * side + Math.floor((((i % 24) + 0.5) * side) / 24)]);
  const away = own.reduce((sum, v, i) => sum + Math.abs(v - there[i]), 0) / own.length;
  assert.ok(away < 25, `the field is ${away} levels away from its data`);
  await page.getByText(/The voxel there has [\d.]+/).waitFor();
  page.blameless();
});

/* [D, H, W, 4] as NPY: x, y, z, and one half. */
function writeFourChannels(file, [depth, height, width]) {
  const values = new Float32Array(depth * height * width * 4);
  for (let i = 0; i < depth * height * width; i++) {
    const [x, y, z] = [i % width, Math.floor(i / width) % height, Math.floor(i / width / height)];
    values.set([x / (width - 1), y / (height - 1), z / (depth - 1), 0.5], 4 * i);
  }
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${depth}, ${height}, ${width}, 4), }`.padEnd(117) + '\n';
  const head = Buffer.from(`\x93NUMPY\x01\x00\x76\x00${header}`, 'latin1');
  writeFileSync(file, Buffer.concat([head, Buffer.from(values.buffer)]));
  return file;
}

test('four channels: as a colour, or one of them; without a map, as an array', async () => {
  const dataset = await service.upload(writeFourChannels(join(service.folder, 'four.npy'), [8, 12, 16]), 'volume');
  const job = await service.fit({ dataset_id: dataset.id, train: { steps: steps(60) } });
  const page = await openPage(service, { path: `#/fields/${job.field_id}` });
  await isSharp(page);
  await page.getByRole('button', { name: 'The data’s own voxels' }).click();
  await page.waitForFunction(() => document.querySelector('canvas[data-axis="z"]').width === 16);
  const corner = (x, y) => slice(page, 'z').evaluate((c, [x, y]) => Array.from(c.getContext('2d').getImageData(x, y, 1, 1).data), [x, y]);
  assert.deepEqual([await corner(0, 0), await corner(15, 11)], [[0, 0, 146, 255], [255, 255, 146, 255]]); /* the middle is voxel 4 of 8 */
  await page.getByRole('combobox', { name: 'Channel' }).selectOption('4');
  assert.deepEqual(await corner(0, 0), [128, 128, 128, 255]);
  assert.ok(page.url().includes('channel=4'));
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
  await page.waitForFunction(() => document.querySelector('canvas[data-axis="x"]').width > 200);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  page.blameless();
});
