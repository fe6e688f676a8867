/* Looking into a field: far past the data's resolution, beside the original, value by value, and taking it away. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { accessibilityFindings, closeBrowser, openPage, pixels, startService, steps } from './harness.mjs';

const SIZE = 64;
let service;
let picture; /* the dataset and the field */
let signal;

before(async () => {
  service = await startService();
  const dataset = await service.upload(service.sample('picture', { size: SIZE, file: 'picture.png' }), 'image');
  const samples = await service.upload(service.sample('signal', { size: 256, file: 'signal.npy' }), 'signal');
  picture = { dataset, field: (await service.fit({ dataset_id: dataset.id, train: { steps: steps(200) } })).field_id };
  signal = { dataset: samples, field: (await service.fit({ dataset_id: samples.id, train: { steps: steps(200) } })).field_id };
});
after(async () => {
  await closeBrowser();
  await service.stop();
});

const bytesOf = async (path) => Buffer.from(await (await fetch(path.startsWith('http') ? path : service.url + path, { headers: service.headers })).arrayBuffer());
const pane = (page) => page.locator('.pane').first();

/* Once it rests at a zoom of at least so much, and all of its tiles are there. */
async function rested(page, least = 0) {
  await page.waitForFunction((least) => {
    const at = document.querySelector('.pane');
    const said = new URLSearchParams(location.hash.split('?')[1]);
    const zoom = Number(said.get('zoom'));
    const isHere = zoom >= least && Math.abs(zoom / at?.dataset.zoom - 1) < 1e-3 &&
      ['x', 'y'].every((key) => Math.abs(said.get(key) - at.dataset[key]) < 2e-3);
    return at?.getAttribute('aria-busy') === 'false' && (least === 0 || isHere);
  }, least);
}

/* Not larger than it must be: every pixel of it is looked at. */
async function openField(field, { query = '', ...options } = {}) {
  const page = await openPage(service, { path: `#/fields/${field}${query}`, width: 960, height: 620, ...options });
  await page.getByRole('heading', { level: 1 }).waitFor();
  return page;
}

/* The picture behind a path, decoded by the browser: at(x, y), width, height. */
async function decoded(page, path) {
  const { width, height, data } = await page.evaluate(async (path) => {
    const bitmap = await createImageBitmap(await (await fetch(path)).blob(), { colorSpaceConversion: 'none' });
    const g = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    g.drawImage(bitmap, 0, 0);
    return { width: bitmap.width, height: bitmap.height, data: Array.from(g.getImageData(0, 0, bitmap.width, bitmap.height).data) };
  }, path);
  return { width, height, at: (x, y) => data.slice(4 * (y * width + x), 4 * (y * width + x) + 3) };
}

function meanDifference(a, b, x0, x1) {
  let sum = 0;
  let n = 0;
  for (let y = 0; y < Math.min(a.height, b.height); y += 3) {
    for (let x = x0; x < x1; x += 3, n += 3) {
      const [p, q] = [a.at(x, y), b.at(x, y)];
      for (let c = 0; c < 3; c++) sum += Math.abs(p[c] - q[c]);
    }
  }
  return sum / n;
}

/* How often a pixel equals its right neighbour exactly. */
function shareOfSteps(image, x0, x1) {
  let same = 0;
  let n = 0;
  for (let y = 2; y < image.height; y += 5) {
    for (let x = x0; x + 1 < x1; x++, n++) same += image.at(x, y).every((v, c) => v === image.at(x + 1, y)[c]) ? 1 : 0;
  }
  return same / n;
}

test('a field is seen far past its data by wheel and by keys: what is on the screen is what /image gives', async () => {
  const page = await openField(picture.field, { query: '?mode=field' });
  await rested(page);
  await page.getByText(`${SIZE} × ${SIZE} pixels`).waitFor();
  const box = await pane(page).boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  const before = Number(await pane(page).getAttribute('data-zoom'));
  await page.mouse.wheel(0, -300);
  await page.waitForFunction((before) => document.querySelector('.pane').dataset.zoom > before * 1.1, before);
  await pane(page).focus();
  for (let i = 0; i < 4; i++) await page.keyboard.press('+');
  await rested(page, 24);
  for (const key of ['ArrowRight', 'ArrowDown']) {
    const before = page.url();
    await page.keyboard.press(key);
    await page.waitForFunction((before) => location.href !== before, before);
  }
  await page.locator('.cross').first().waitFor({ state: 'visible' });
  await page.mouse.move(5, 5);
  await page.evaluate(() => document.querySelector('.pane').classList.remove('by-keys'));
  await rested(page, 24);
  await page.getByRole('button', { name: 'URL', exact: true }).click();
  const url = await page.locator('.copied code').textContent();
  assert.match(url, /\/image\?bbox=[\d.,]+&width=\d+&height=\d+$/);
  const seen = await pixels(page, pane(page));
  const asked = await decoded(page, url);
  assert.ok(Math.abs(seen.width - asked.width) <= 1 && Math.abs(seen.height - asked.height) <= 1, `${seen.width} x ${seen.height} is seen, ${asked.width} x ${asked.height} was asked for`);
  const difference = meanDifference(seen, asked, 4, asked.width - 4);
  assert.ok(difference < 1.5, `differs by ${difference} of 255`);
  const field = shareOfSteps(seen, 4, seen.width - 4);
  await page.getByRole('button', { name: 'Original', exact: true }).click();
  const original = shareOfSteps(await pixels(page, pane(page)), 4, seen.width - 4);
  assert.ok(original > 0.9, `the original's pixels are blocks: ${original}`);
  assert.ok(field < original - 0.15, `the field is smoother than enlarged pixels: ${field} against ${original}`);
  page.blameless();
});

test('left of the curtain stands the original, and the permalink comes back to the same place', async () => {
  const place = '?x=30.5&y=34.25&zoom=16&mode=curtain&split=0.5';
  const page = await openField(picture.field, { query: place });
  await rested(page, 15);
  const original = await decoded(page, `/v1/datasets/${picture.dataset.id}/content`);
  const seen = await pixels(page, pane(page));
  const there = (px, py) => [Math.floor(30.5 + (px - seen.width / 2) / 16), Math.floor(34.25 + (py - seen.height / 2) / 16)];
  let n = 0;
  for (let py = 10; py < seen.height; py += 23) {
    for (let px = 10; px < seen.width / 2 - 30; px += 17) {
      const [x, y] = there(px + 0.5, py + 0.5);
      const [fx, fy] = [30.5 + (px + 0.5 - seen.width / 2) / 16 - x, 34.25 + (py + 0.5 - seen.height / 2) / 16 - y];
      if (x < 0 || y < 0 || x >= SIZE || y >= SIZE || Math.min(fx, fy, 1 - fx, 1 - fy) < 0.1) continue;
      assert.deepEqual(seen.at(px, py), original.at(x, y), `at ${px}, ${py}: pixel ${x}, ${y}`);
      n++;
    }
  }
  assert.ok(n > 50);
  const range = page.getByLabel('Where the original ends');
  await range.focus();
  await page.keyboard.press('Home');
  await page.waitForFunction(() => location.hash.includes('split=0.000'));
  const field = await pixels(page, pane(page));
  assert.ok(meanDifference(seen, field, 4, Math.floor(seen.width / 2) - 30) > 0.3, 'the field is uncovered');
  const line = await page.locator('.curtain-line').boundingBox();
  const box = await pane(page).boundingBox();
  await page.mouse.move(line.x + 1, line.y + line.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.75, line.y + line.height / 2, { steps: 4 });
  await page.mouse.up();
  await page.waitForFunction(() => /split=0\.7[45]/.test(location.hash));
  await page.getByRole('button', { name: 'Side by side' }).click();
  await page.waitForFunction(() => document.querySelectorAll('.pane').length === 2);
  await page.waitForFunction(() => new Set(Array.from(document.querySelectorAll('.pane'), (p) => p.dataset.zoom)).size === 1);
  page.blameless();
});

test('the value at a point is the one that /value gives, and the copied code gives it again', async () => {
  const page = await openField(picture.field, { query: '?x=30&y=30&zoom=16' });
  await rested(page, 15);
  const box = await pane(page).boundingBox();
  await page.mouse.move(box.x + box.width / 2 + 80, box.y + box.height / 2 - 48);
  const told = page.locator('[data-value^="["]');
  await told.waitFor();
  await page.getByLabel('Request of').selectOption('point');
  const command = await page.locator('.copied code').textContent();
  const point = new URLSearchParams(/\?([^']*)/.exec(command)[1]);
  assert.ok(Math.abs(point.get('x') - 35) < 0.2 && Math.abs(point.get('y') - 27) < 0.2, String(point));
  const { value } = await service.ask(`/v1/fields/${picture.field}/value?${point}`);
  assert.deepEqual(JSON.parse(await told.getAttribute('data-value')), value);
  await page.getByText('The original has').waitFor();
  assert.deepEqual(JSON.parse(execFileSync('bash', ['-c', command], { encoding: 'utf8' })).value, value);
  await page.getByRole('button', { name: 'Python' }).click();
  const said = execFileSync('python3', ['-c', await page.locator('.copied code').textContent()], { encoding: 'utf8' });
  assert.deepEqual(JSON.parse(said), value);
  await page.getByLabel('Request of').selectOption('view');
  await page.getByRole('button', { name: 'curl', exact: true }).click();
  const folder = mkdtempSync(join(tmpdir(), 'farfield-copied-'));
  const picturing = await page.locator('.copied code').textContent();
  execFileSync('bash', ['-c', picturing], { cwd: folder });
  assert.deepEqual(readFileSync(join(folder, 'view.png')), await bytesOf(/'(http[^']*)'/.exec(picturing)[1]));
  page.blameless();
});

test('pictures, arrays and weights are downloaded', async () => {
  const page = await openField(picture.field);
  await rested(page);
  const panel = page.getByRole('region', { name: 'Downloads' });
  const press = async (locator) => {
    const [download] = await Promise.all([page.waitForEvent('download'), locator.click()]);
    return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
  };
  await panel.getByLabel('Picture').selectOption('2');
  const png = await press(panel.getByRole('link', { name: 'PNG' }));
  assert.deepEqual(png.bytes, await bytesOf(`/v1/fields/${picture.field}/image?width=${2 * SIZE}&height=${2 * SIZE}&format=png`));
  const npy = await press(panel.getByRole('button', { name: 'NPY' }));
  assert.equal(npy.name, 'picture-view.npy');
  assert.equal(npy.bytes.subarray(1, 6).toString(), 'NUMPY');
  const weights = await press(panel.getByRole('link', { name: 'safetensors' }));
  assert.deepEqual(weights.bytes, await bytesOf(`/v1/fields/${picture.field}/weights`));
  const job = await press(panel.getByRole('link', { name: 'Job, JSON' }));
  assert.equal(JSON.parse(job.bytes).field_id, picture.field);
  page.blameless();
});

test('a channel that the field has not is told in words; one that it has is shown', async () => {
  const page = await openField(picture.field);
  await rested(page);
  await page.getByLabel('Channel').selectOption('laplacian');
  await page.locator('.problem', { hasText: 'second derivatives' }).waitFor();
  assert.equal(await page.getByLabel('Channel').inputValue(), 'value');
  page.forgive(); /* the browser reports the 422 */
  const tile = page.waitForResponse((r) => r.url().includes('channel=gradient_norm') && r.url().includes('/dzi/'));
  await page.getByLabel('Channel').selectOption('gradient_norm');
  assert.equal((await tile).status(), 200);
  await page.waitForFunction(() => location.hash.includes('channel=gradient_norm'));
  page.blameless();
});

test('a signal is seen with its samples, enlarged, and told', async () => {
  const page = await openField(signal.field);
  await page.locator('.signal canvas').waitFor();
  assert.ok((await pixels(page, page.locator('.signal'))).spread() > 5);
  const query = page.waitForResponse((r) => r.url().endsWith('/query'));
  await page.locator('.signal').focus();
  await page.keyboard.press('+');
  assert.equal((await query).status(), 200);
  await page.waitForFunction(() => location.hash.includes('from=0.25&to=0.75'));
  const told = page.locator('[data-value^="["]');
  await told.waitFor();
  const { value } = await service.ask(`/v1/fields/${signal.field}/value?x=0.5`);
  assert.deepEqual(JSON.parse(await told.getAttribute('data-value')), value);
  await page.getByLabel('To', { exact: true }).fill('0.3');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => location.hash.includes('from=0.25&to=0.3'));
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Curve, NPY' }).click()]);
  assert.match(readFileSync(await download.path()).toString('latin1'), /^.NUMPY[^]*\(2048, 1\)/);
  page.blameless();
});

test('a field in training is followed until it is final, then deleted on a second word', async () => {
  const job = await service.post('/v1/jobs', { dataset_id: picture.dataset.id, train: { steps: 1000000 } });
  const page = await openField(job.field_id);
  await page.getByText('in training').waitFor();
  await rested(page);
  await service.post(`/v1/jobs/${job.id}/cancel`, {});
  await page.getByText(/final, [\d,]+ steps/).waitFor();
  await page.getByRole('button', { name: 'Delete this field' }).click();
  await page.getByRole('button', { name: 'Keep it' }).click();
  await page.getByRole('button', { name: 'Delete this field' }).click();
  await page.getByRole('button', { name: 'Delete it for good' }).click();
  await page.waitForURL(/#\/fields$/);
  assert.equal((await fetch(`${service.url}/v1/fields/${job.field_id}`)).status, 404);
  page.blameless();
});

test('nothing serious is found by axe, in light and dark, and a narrow page does not scroll sideways', async () => {
  for (const field of [picture.field, signal.field]) {
    for (const dark of [false, true]) {
      const page = await openField(field, { dark, width: dark ? 390 : 1280 });
      await page.locator('.pane[aria-busy="false"], .signal canvas').first().waitFor();
      assert.deepEqual(await accessibilityFindings(page), []);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
      await page.close();
    }
  }
});

test('where a token is asked for, tiles, values and files come with it, and copied code does not tell it', async () => {
  const guarded = await startService({ host: '0.0.0.0' });
  try {
    const token = /"dashboard":"[^"]*#token=([^"]+)"/.exec(guarded.log)[1];
    guarded.headers = { Authorization: `Bearer ${token}` };
    const dataset = await guarded.upload(guarded.sample('picture', { size: 32, file: 'small.png' }), 'image');
    const job = await guarded.fit({ dataset_id: dataset.id, train: { steps: steps(100) } });
    const page = await openPage(guarded, { path: `#token=${token}` });
    await page.getByRole('navigation').waitFor();
    page.forgive(); /* the page itself was answered 401, as any that comes without a token */
    await page.goto(`${guarded.url}/#/fields/${job.field_id}?mode=field`);
    await rested(page);
    assert.ok((await pixels(page, pane(page))).spread() > 8);
    await pane(page).focus();
    await page.keyboard.press('+');
    await page.locator('[data-value^="["]').waitFor();
    const command = await page.locator('.copied code').textContent();
    assert.ok(!command.includes(token));
    const folder = mkdtempSync(join(tmpdir(), 'farfield-copied-'));
    execFileSync('bash', ['-c', command], { cwd: folder, env: { ...process.env, FARFIELD_TOKEN: token } });
    assert.equal(readFileSync(join(folder, 'view.png')).subarray(1, 4).toString(), 'PNG');
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'safetensors' }).click()]);
    const { bytes } = await guarded.ask(`/v1/fields/${job.field_id}`);
    assert.equal(readFileSync(await download.path()).length, bytes);
    page.blameless();
  } finally {
    await guarded.stop();
  }
});
