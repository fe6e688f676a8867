/* Lists: what is there is found, ordered, deleted and refused as the service says, and the address keeps the view. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { accessibilityFindings, closeBrowser, openPage, pixels, startService, steps } from './harness.mjs';

const N = 54; /* a page of 50, and some */
let service;
const jobs = {};
const datasets = [];

/* Grey pictures that differ: NPY of 4 × 4 float32. */
function grey(i) {
  const text = "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 4), }";
  const header = Buffer.alloc(128, ' ');
  header.write('\x93NUMPY\x01\x00', 'latin1');
  header.writeUInt16LE(118, 8);
  header.write(text, 10);
  header[127] = 10;
  const file = join(service.folder, `grey-${i}.npy`);
  writeFileSync(file, Buffer.concat([header, Buffer.from(new Float32Array(16).fill(i / N).buffer)]));
  return file;
}

const fit = (dataset, train, more = {}) => service.post('/v1/jobs', { dataset_id: dataset.id, preset: 'paper', train: { batch_size: 64, ...train }, ...more });

before(async () => {
  service = await startService();
  for (let i = 0; i < N; i += 4) { /* as many as are read at once */
    const some = Array.from({ length: Math.min(4, N - i) }, (_, k) => i + k);
    datasets.push(...await Promise.all(some.map((k) => service.upload(grey(k), 'image', `grey ${k}`))));
  }
  const picture = await service.upload(service.sample('picture', { size: 32, file: 'balloons.png' }), 'image');
  datasets.push(picture);
  jobs.short = (await service.ended((await fit(picture, { steps: steps(20) }, { labels: { series: 'lecture' } })).id));
  jobs.longer = (await service.ended((await fit(picture, { steps: steps(400) })).id));
  jobs.running = await fit(picture, { steps: 10000000, batch_size: 4096 });
  jobs.queued = [];
  for (let i = 0; i < 3; i++) jobs.queued.push(await fit(datasets[i], { steps: 10 }));
});
after(async () => {
  await closeBrowser();
  await service.stop();
});

const row = (page, name) => page.getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) });
const byId = (page, id) => page.locator(`tr[data-id="${id}"]`);
const shownIds = (page) => page.locator('tbody tr').evaluateAll((rows) => rows.map((r) => r.dataset.id));

test('datasets: newest first, older ones on request, found by name, sorted, and the address says so', async () => {
  const page = await openPage(service, { path: '#/datasets' });
  await row(page, 'balloons.png').waitFor();
  assert.equal((await shownIds(page)).length, 50);
  await page.getByRole('button', { name: 'Older datasets' }).click();
  await page.getByText(`${N + 1} datasets.`).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Older datasets' }).isVisible(), false);

  const picture = row(page, 'balloons.png').locator('.thumbnail');
  await picture.locator('img').waitFor();
  assert.ok((await pixels(page, picture)).spread() > 10, 'the small picture is seen');

  await page.getByLabel('Search').fill('grey 1');
  await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 11);
  await page.getByRole('button', { name: 'Name' }).click();
  assert.equal(await page.locator('tbody tr a').first().textContent(), 'grey 1');
  await page.getByRole('button', { name: 'Name' }).click();
  assert.equal(await page.locator('tbody tr a').first().textContent(), 'grey 19');
  assert.match(page.url(), /q=grey\+1&sort=-name$/);

  const again = await openPage(service, { path: page.url().split('/').slice(3).join('/') });
  await row(again, 'grey 19').waitFor();
  assert.equal(await again.getByLabel('Search').inputValue(), 'grey 1');
  assert.equal(await again.locator('tbody tr a').first().textContent(), 'grey 19');
  await again.getByLabel('Search').fill('nothing of this name');
  await again.getByText('No datasets match').waitFor();
  await again.getByRole('link', { name: 'Show all datasets' }).click();
  await row(again, 'balloons.png').waitFor();
  await page.blameless();
  await again.blameless();
});

test('several are deleted after one question; what jobs need is refused at its row', async () => {
  const page = await openPage(service, { path: '#/datasets' });
  await page.getByLabel('Select balloons.png').check();
  await page.getByLabel(`Select grey ${N - 1}`, { exact: true }).check();
  await page.getByLabel(`Select grey ${N - 2}`, { exact: true }).check();
  await page.getByRole('button', { name: 'Delete…' }).click();
  await page.getByText('Delete 3 datasets?').waitFor();
  await page.getByRole('button', { name: 'Keep as it is' }).click();
  assert.equal(await row(page, `grey ${N - 1}`).count(), 1);
  await page.getByRole('button', { name: 'Delete…' }).click();
  await page.getByRole('button', { name: 'Delete 3 datasets' }).click();
  await page.getByText('2 datasets deleted. 1 dataset not').waitFor();
  await row(page, 'balloons.png').getByText('job').first().waitFor();
  assert.equal(await row(page, `grey ${N - 1}`).count(), 0);
  const left = (await service.ask('/v1/datasets?limit=200')).items;
  assert.equal(left.length, N + 1 - 2);
  page.forgive(); /* the browser reports the 409 */
});

test('jobs: quality, state, settings; sorted and filtered; labels', async () => {
  const page = await openPage(service, { path: '#/jobs' });
  await byId(page, jobs.longer.id).waitFor();
  await byId(page, jobs.running.id).getByRole('progressbar').waitFor();
  await page.getByRole('button', { name: 'Quality' }).click();
  const ids = await shownIds(page);
  assert.ok(ids.indexOf(jobs.longer.id) < ids.indexOf(jobs.short.id), 'best first');
  assert.equal(await page.locator('th[aria-sort="descending"]').textContent(), 'Quality');
  await byId(page, jobs.longer.id).getByText('256 frequencies').waitFor();
  await byId(page, jobs.longer.id).locator('.thumbnail img').waitFor();
  await page.getByRole('link', { name: 'series: lecture' }).click();
  await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1);
  assert.deepEqual(await shownIds(page), [jobs.short.id]);
  await page.getByRole('link', { name: 'Without with label' }).click();
  await byId(page, jobs.running.id).waitFor();
  await page.getByRole('link', { name: 'Succeeded' }).click();
  await byId(page, jobs.short.id).waitFor();
  await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 2);

  await page.getByLabel('Select all jobs shown').check();
  const link = page.getByRole('link', { name: 'Compare 2' });
  assert.match(await link.getAttribute('href'), new RegExp(`^#/compare\\?fields=fld_\\w+,fld_\\w+$`));
  await page.blameless();
});

test('the queue stands in its order, tells the places, and lets one go', async () => {
  const page = await openPage(service, { path: '#/jobs?status=queued' });
  await byId(page, jobs.queued[0].id).waitFor();
  assert.deepEqual(await shownIds(page), jobs.queued.map((j) => j.id), 'the next to run first');
  assert.deepEqual(await page.locator('td.is-place').allTextContents(), ['1', '2', '3']);
  await byId(page, jobs.queued[1].id).getByRole('checkbox').check();
  await page.getByRole('button', { name: 'Cancel…' }).click();
  await page.getByRole('button', { name: 'Cancel 1 job' }).click();
  await page.getByText('1 job canceled').waitFor();
  await byId(page, jobs.queued[1].id).waitFor({ state: 'detached' });
  assert.equal((await service.ask(`/v1/jobs/${jobs.queued[1].id}`)).status, 'canceled');
  await page.blameless();
});

test('a list follows what runs', async () => {
  const page = await openPage(service, { path: '#/jobs' });
  await byId(page, jobs.running.id).getByText('step').waitFor();
  await service.post(`/v1/jobs/${jobs.running.id}/cancel`, {});
  await byId(page, jobs.running.id).getByText('canceled').waitFor();
  await byId(page, jobs.queued[2].id).getByText('succeeded').waitFor();
  await page.blameless();
});

test('what began later has its name, stays out of a search that it does not match, and goes when it is deleted elsewhere', async () => {
  const page = await openPage(service, { path: '#/jobs' });
  await byId(page, jobs.short.id).waitFor();
  const late = await fit(await service.upload(grey(N), 'image', 'late'), { steps: 10000000 });
  await byId(page, late.id).getByRole('link', { name: 'late', exact: true }).waitFor();
  await page.getByLabel('Search').fill('balloons');
  await byId(page, late.id).waitFor({ state: 'detached' });
  await page.waitForResponse((r) => /q=balloons.*status=running/.test(r.url()));
  assert.equal(await byId(page, late.id).count(), 0);
  await page.getByRole('link', { name: 'Running' }).click();
  await page.getByText('No jobs match “balloons”').waitFor();

  await page.getByLabel('Search').fill('late');
  await byId(page, late.id).waitFor();
  let goOn;
  const gone = new Promise((resolve) => (goOn = resolve));
  await page.route(/status=running/, async (route) => {
    await gone;
    await route.continue();
  });
  await service.post(`/v1/jobs/${late.id}/cancel`, {});
  await service.ended(late.id);
  await service.ask(`/v1/jobs/${late.id}`, { method: 'DELETE' });
  goOn();
  await byId(page, late.id).waitFor({ state: 'detached' });
  page.forgive(); /* the browser reports the 404 */
});

test('fields are deleted; nothing left is said with what to do', async () => {
  const page = await openPage(service, { path: '#/fields' });
  await byId(page, jobs.longer.field_id).waitFor();
  await byId(page, jobs.longer.field_id).getByText('dB').waitFor();
  await page.getByLabel('Select all fields shown').check();
  await page.getByRole('button', { name: 'Delete…' }).click();
  await page.getByRole('button', { name: /^Delete \d fields/ }).click();
  await page.getByText('No field yet').waitFor();
  assert.deepEqual((await service.ask('/v1/fields')).items, []);
  const jobsPage = await openPage(service, { path: '#/jobs' });
  await byId(jobsPage, jobs.longer.id).locator('.thumbnail img').waitFor(); /* the data, where the field is gone */
  await jobsPage.blameless();
  await page.blameless();
});

test('the service tells what it does, what it keeps, and its limits', async () => {
  const page = await openPage(service, { path: '#/service' });
  const state = await service.ask('/v1/service');
  await page.getByText(`farfield ${state.version}, up`).waitFor();
  await page.getByRole('region', { name: 'Workers' }).getByText(/is idle/).waitFor();
  await page.getByText(`${state.data.datasets}, `).waitFor();
  await page.getByRole('region', { name: 'Traffic' }).getByText('0 of the service’s own').waitFor();
  await page.getByRole('row').filter({ hasText: 'default' }).filter({ hasText: 'views' }).waitFor();
  await page.getByText('256 MiB').waitFor();
  const open = await fit(datasets[0], { steps: 10000000 });
  const workers = page.getByRole('region', { name: 'Workers' });
  await workers.getByRole('link', { name: 'grey 0' }).waitFor();
  await service.post(`/v1/jobs/${open.id}/cancel`, {});
  await workers.getByText('is idle').waitFor();
  await page.blameless();
});

for (const dark of [false, true]) {
  test(`nothing stands in the way, ${dark ? 'dark' : 'light'}`, async () => {
    const page = await openPage(service, { path: '#/jobs', dark });
    for (const [path, ready] of [['#/jobs', jobs.short.id], ['#/datasets', datasets[5].id]]) {
      await page.goto(`${service.url}/${path}`);
      await byId(page, ready).waitFor();
      assert.deepEqual(await accessibilityFindings(page), [], path);
    }
    await page.goto(`${service.url}/#/service`);
    await page.getByText('256 MiB').waitFor();
    assert.deepEqual(await accessibilityFindings(page), [], 'service');
    await page.goto(`${service.url}/#/datasets`);
    await byId(page, datasets[5].id).waitFor();
    await byId(page, datasets[5].id).getByRole('checkbox').check();
    assert.deepEqual(await accessibilityFindings(page), [], 'with the bar');
    await page.blameless();
  });
}

test('on a phone the tables are cards', async () => {
  const page = await openPage(service, { path: '#/jobs', width: 390, height: 844 });
  for (const path of ['#/jobs', '#/datasets', '#/jobs?status=queued', '#/sweeps']) {
    await page.goto(`${service.url}/${path}`);
    await page.locator('tbody tr, .nothing:not([hidden])').first().waitFor();
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), path);
  }
  await page.goto(`${service.url}/#/service`);
  await page.getByRole('table').waitFor();
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'service');
  await page.goto(`${service.url}/#/jobs`);
  await byId(page, jobs.longer.id).waitFor();
  await page.getByLabel('Sort').selectOption('-quality');
  const ids = await shownIds(page);
  assert.ok(ids.indexOf(jobs.longer.id) < ids.indexOf(jobs.short.id));
  await page.blameless();
});
