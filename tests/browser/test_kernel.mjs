/* The kernel explorer: sliders change the curves, as the service computes them. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessibilityFindings, closeBrowser, openPage, pixels, startService } from './harness.mjs';

let service;
before(async () => (service = await startService()));
after(async () => {
  await closeBrowser();
  await service.stop();
});

const kernelChart = (page) => page.locator('.chart[role=img][data-drawn][aria-label^="Kernel over the offset"]'); /* painted */
const value = (page, label, v) => page.getByLabel(label).fill(String(v)); /* a slider's place */

/* The part of the chart's columns in which the first line is above the middle of its height. */
async function peakWidth(page) {
  const shot = await pixels(page, kernelChart(page).locator('canvas').first());
  const isLine = ([r, g, b]) => r < 90 && g > 60 && g - r > 40 && b < 140; /* --series-1 of the light scheme */
  let columns = 0;
  for (let x = 0; x < shot.width; x++) {
    for (let y = 0; y < shot.height / 2; y++) {
      if (isLine(shot.at(x, y))) {
        columns++;
        break;
      }
    }
  }
  return columns / shot.width;
}

/* Move a slider, and wait until what it asks for is painted. */
async function move(page, label, place) {
  const painted = await kernelChart(page).getAttribute('data-drawn');
  await page.evaluate(() => {
    window.isDrawn = false;
    document.querySelector('.page').addEventListener('kernel-drawn', () => (window.isDrawn = true), { once: true });
  });
  await value(page, label, place);
  await page.waitForFunction((before) => window.isDrawn && document.querySelector('.chart[data-drawn]').dataset.drawn !== before, painted);
}

test('a larger sigma makes the kernel narrower, on the screen', async () => {
  const page = await openPage(service, { path: '#/kernel?sigma=2&m=256' });
  await kernelChart(page).waitFor();
  const wide = await peakWidth(page);
  await move(page, /bandwidth/, 1.6);
  const narrow = await peakWidth(page);
  assert.ok(wide > 2 * narrow && narrow > 0, `${wide} and ${narrow}`);
  assert.match(page.url(), /sigma=39\.8/);
  page.blameless();
});

test('what is drawn is what the service answers', async () => {
  const page = await openPage(service, { path: '#/kernel?mapping=power&p=1&m=16' });
  await kernelChart(page).waitFor();
  const asked = page.waitForResponse((r) => r.url().endsWith('/v1/ntk') && r.request().postDataJSON().dims !== 2);
  await move(page, /fall of the amplitudes/, 0.5);
  const response = await asked;
  const sent = response.request().postDataJSON();
  assert.equal(sent.encoding.b.length, 16);
  assert.ok(Math.abs(sent.encoding.a[3] - 0.5) < 1e-9);
  const { kernel } = await response.json();
  const said = await kernelChart(page).getAttribute('aria-label');
  const last = kernel[kernel.length - 1] / Math.max(...kernel);
  assert.ok(Math.abs(Number(/layers: ([\d.e-]+) at/.exec(said)[1]) - last) < 1e-3, said);
  page.blameless();
});

test('more training fits better, and the fit is drawn over the signal', async () => {
  const page = await openPage(service, { path: '#/kernel?sigma=5' });
  const chart = page.getByRole('img', { name: /^Predicted fit/ });
  await chart.waitFor();
  const fitted = async () => Math.abs(Number(/after η t = \S+: (\S+) at/.exec(await chart.getAttribute('aria-label'))[1]));
  await value(page, /Time of training/, -2);
  assert.ok(await fitted() < 0.001);
  await value(page, /Time of training/, 6);
  assert.ok(await fitted() > 0.01);
  const errors = await page.getByRole('img', { name: /^Predicted squared error/ }).getAttribute('aria-label');
  assert.match(errors, /at the 32 places: 1\.000e-6 at/);
  page.blameless();
});

test('kept curves stay beside the new ones, and in the address', async () => {
  const page = await openPage(service, { path: '#/kernel?sigma=3' });
  await kernelChart(page).waitFor();
  await page.getByRole('button', { name: 'Keep these curves' }).click();
  await page.getByLabel('Mapping').selectOption('basic');
  await page.waitForFunction(() => /basic.*gaussian, σ 3/.test(document.querySelector('.chart[role=img]')?.getAttribute('aria-label') ?? ''));
  const again = await openPage(service, { path: new URL(page.url()).hash });
  await again.waitForFunction(() => /basic.*gaussian, σ 3/.test(document.querySelector('.chart[role=img]')?.getAttribute('aria-label') ?? ''));
  await again.getByRole('button', { name: /^Drop gaussian/ }).click();
  await again.waitForFunction(() => !/gaussian/.test(document.querySelector('.chart[role=img]').getAttribute('aria-label')));
  assert.doesNotMatch(again.url(), /keep/);
  page.blameless();
  again.blameless();
});

test('an address out of range is brought into it', async () => {
  const page = await openPage(service, { path: '#/kernel?sigma=1e99&m=-4&mapping=nothing&keep={' });
  await kernelChart(page).waitFor();
  assert.equal(await page.getByLabel(/bandwidth/).inputValue(), '2');
  page.blameless();
});

for (const dark of [false, true]) {
  test(`the explorer is accessible, ${dark ? 'dark' : 'light'}`, async () => {
    const page = await openPage(service, { path: '#/kernel', dark, width: 390 });
    await kernelChart(page).waitFor();
    assert.deepEqual(await accessibilityFindings(page), []);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    page.blameless();
  });
}
