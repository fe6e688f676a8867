/* Coming in: the start page, the token, a service that goes away and comes back. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessibilityFindings, closeBrowser, openPage, startService } from './harness.mjs';

let service;
before(async () => (service = await startService({ host: '0.0.0.0' })));
after(async () => {
  await closeBrowser();
  await service.stop();
});

const firstToken = () => /"dashboard":"[^"]*#token=([^"]+)"/.exec(service.log)[1];

test('a token is asked for, refused when wrong, kept for the tab when right', async () => {
  const page = await openPage(service);
  await page.getByLabel('Token').fill('wrong');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('does not take this token').waitFor();
  await page.getByLabel('Token').fill(firstToken());
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('navigation').waitFor();
  assert.equal(await page.getByLabel('Token').isVisible(), false);
  page.forgive(); /* the browser reports each 401 */
  await page.reload();
  await page.getByRole('navigation').waitFor();
  assert.deepEqual(await accessibilityFindings(page), []);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Token').waitFor();
  await page.reload();
  await page.getByLabel('Token').waitFor();
});

test('the address of the log lets in, and shows no token afterwards', async () => {
  const page = await openPage(service, { path: `#token=${firstToken()}` });
  await page.getByRole('navigation').waitFor();
  assert.ok(!page.url().includes('token'));
});
